#ifndef CORDON_TESTS_FAILING_ALLOCATOR_H
#define CORDON_TESTS_FAILING_ALLOCATOR_H

/*
 * The interface of the preloaded object guest_allocator, found by dlsym: malloc, calloc, realloc, reallocarray,
 * posix_memalign, aligned_alloc, memalign, valloc and what is built on them (operator new, strdup, getline) fail on
 * order. Only calls made while armed count, on whatever thread.
 */

/* "guest_allocator_arm": from now on calls count from 1; those from `first` on fail, `count` of them. */
typedef void guest_allocator_arm_fn(long first, long count);
/* "guest_allocator_disarm": nothing fails any more; returns how many calls there were. */
typedef long guest_allocator_disarm_fn(void);
/* "guest_allocator_tell": writes to the descriptor where the first failed call came from and where the caller
 * is, one frame a line. */
typedef void guest_allocator_tell_fn(int fd);

#endif

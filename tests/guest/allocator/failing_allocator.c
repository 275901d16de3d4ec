#define _GNU_SOURCE
#include "guest/allocator/failing_allocator.h"

#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* glibc's own, which stay reachable when their public names are replaced. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

enum { kFrames = 40 };

static atomic_int g_armed;
static atomic_long g_calls;
static long g_first; /* written before g_armed is set */
static long g_last;
static void *g_frames[kFrames];
static atomic_int g_frame_count;

static int fails(void) {
  if (!atomic_load_explicit(&g_armed, memory_order_acquire)) return 0;
  const long call = atomic_fetch_add_explicit(&g_calls, 1, memory_order_relaxed) + 1;
  if (call < g_first || call > g_last) return 0;
  if (call == g_first) atomic_store(&g_frame_count, backtrace(g_frames, kFrames));
  errno = ENOMEM;
  return 1;
}

__attribute__((constructor)) static void load_unwinder(void) {
  void *frame[1];
  backtrace(frame, 1); /* its first call allocates */
}

guest_allocator_arm_fn guest_allocator_arm;
guest_allocator_disarm_fn guest_allocator_disarm;
guest_allocator_tell_fn guest_allocator_tell;

void guest_allocator_arm(long first, long count) {
  g_first = first;
  g_last = count > INT64_MAX - first ? INT64_MAX : first + count - 1;
  atomic_store(&g_calls, 0);
  atomic_store(&g_frame_count, 0);
  atomic_store_explicit(&g_armed, 1, memory_order_release);
}

long guest_allocator_disarm(void) {
  atomic_store(&g_armed, 0);
  return atomic_load(&g_calls);
}

void guest_allocator_tell(int fd) {
  void *here[kFrames];
  static const char kFailed[] = "the first failed call:\n", kHere[] = "now:\n";
  (void)!write(fd, kFailed, sizeof kFailed - 1);
  backtrace_symbols_fd(g_frames, atomic_load(&g_frame_count), fd);
  (void)!write(fd, kHere, sizeof kHere - 1);
  backtrace_symbols_fd(here, backtrace(here, kFrames), fd);
}

void *malloc(size_t size) {
  return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  /* Giving back needs no memory. */
  return size != 0 && fails() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(old, bytes);
}

void *memalign(size_t alignment, size_t size) {
  return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

void *valloc(size_t size) {
  return memalign(4096, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  void *block = memalign(alignment, size);
  if (block == NULL) return ENOMEM;
  *out = block;
  return 0;
}

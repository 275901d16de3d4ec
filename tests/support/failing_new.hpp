#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

// The program's operator new, which is the library's too: any allocation can be made to fail. For one source of a
// program that is not built for ThreadSanitizer, which brings its own.

namespace cordon::test {
/// Of this thread; −1: no limit.
inline thread_local long g_allocations_left = -1;

inline void *allocate(std::size_t size) noexcept {
  if (g_allocations_left == 0) return nullptr;
  if (g_allocations_left > 0) --g_allocations_left;
  return std::malloc(size == 0 ? 1 : size);
}
}  // namespace cordon::test

void *operator new(std::size_t size) {
  if (void *p = cordon::test::allocate(size)) return p;
  throw std::bad_alloc();
}
void *operator new[](std::size_t size) {
  return operator new(size);
}
void *operator new(std::size_t size, const std::nothrow_t &) noexcept {
  return cordon::test::allocate(size);
}
void *operator new[](std::size_t size, const std::nothrow_t &) noexcept {
  return cordon::test::allocate(size);
}
void operator delete(void *p) noexcept {
  std::free(p);
}
void operator delete[](void *p) noexcept {
  std::free(p);
}
void operator delete(void *p, std::size_t) noexcept {
  std::free(p);
}
void operator delete[](void *p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void *p, const std::nothrow_t &) noexcept {
  std::free(p);
}
void operator delete[](void *p, const std::nothrow_t &) noexcept {
  std::free(p);
}

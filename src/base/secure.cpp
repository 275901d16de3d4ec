#include "base/secure.hpp"

#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <stdexcept>

namespace cordon {
namespace {

/// Hands out whole libsodium allocations: each lies between guard pages, locked and left out of core dumps.
class GuardedChunks final : public std::pmr::memory_resource {
 public:
  bool locked() const noexcept { return locked_; }

 private:
  void *do_allocate(std::size_t bytes, std::size_t) override {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t size = (bytes + page - 1) / page * page;
    void *p = sodium_malloc(size);
    if (p == nullptr) throw std::bad_alloc();
    // sodium_malloc ignores a failed lock and hides whether it did; locking once more is harmless and tells.
    if (mlock(p, size) != 0) locked_ = false;
#ifdef MADV_WIPEONFORK
    madvise(p, size, MADV_WIPEONFORK);
#endif
    return p;
  }
  void do_deallocate(void *p, std::size_t, std::size_t) override {
    sodium_free(p);
  }
  bool do_is_equal(const memory_resource &other) const noexcept override {
    return this == &other;
  }

  std::atomic<bool> locked_{true};
};

}  // namespace

struct SecureMemory::Impl {
  std::mutex mutex;
  GuardedChunks chunks;
  std::pmr::unsynchronized_pool_resource pool{std::pmr::pool_options{16, 4096}, &chunks};
};

SecureMemory &SecureMemory::instance() {
  // Never destroyed: secrets in static objects of the host may outlive every destructor of ours.
  static SecureMemory *memory = new SecureMemory;
  return *memory;
}

SecureMemory::SecureMemory() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium could not be initialised");
  impl_ = new Impl;
}

SecureMemory::~SecureMemory() {
  delete impl_;
}

bool SecureMemory::locked() const noexcept {
  return impl_->chunks.locked();
}

void *SecureMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->pool.allocate(bytes, alignment);
}

void SecureMemory::do_deallocate(void *p, std::size_t bytes, std::size_t alignment) {
  sodium_memzero(p, bytes);
  const std::lock_guard lock(impl_->mutex);
  impl_->pool.deallocate(p, bytes, alignment);
}

bool Secret::equals(const Secret &other) const noexcept {
  return size() == other.size() && sodium_memcmp(bytes_.data(), other.bytes_.data(), size()) == 0;
}

}  // namespace cordon

#include "base/secure.hpp"

#include <pthread.h>
#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>
#include <stdexcept>

namespace cordon {
namespace {

constexpr std::size_t kSmallestBlock = 16;
constexpr std::size_t kLargestBlock = 4096;
constexpr std::size_t kClasses = 9;  // 16, 32, … 4096
constexpr std::size_t kChunk = 16 * 1024;
static_assert(kSmallestBlock << (kClasses - 1) == kLargestBlock);

std::size_t whole_pages(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  if (bytes > SIZE_MAX - page) throw std::bad_alloc();
  return (bytes + page - 1) / page * page;
}

}  // namespace

/// Blocks of a power of two, cut from libsodium allocations. The lists of free blocks begin in ordinary memory and run
/// through the blocks themselves, so that in a forked child, where every block reads as zeros, each list merely ends
/// after its first block: giving back and allocating stay sound there.
struct SecureMemory::Impl {
  struct FreeBlock {
    FreeBlock *next;
  };

  std::mutex mutex;
  std::array<FreeBlock *, kClasses> free{};
  std::array<char *, kClasses> fresh{};
  std::array<std::size_t, kClasses> fresh_blocks{};
  std::atomic<bool> locked{true};
  std::atomic<bool> lock_required{false};

  /// Whole pages between guard pages, locked and left out of core dumps.
  char *map(std::size_t bytes) {
    const std::size_t size = whole_pages(bytes);
    void *p = sodium_malloc(size);
    if (p == nullptr) throw std::bad_alloc();
    // sodium_malloc ignores a failed lock and hides whether it did; locking once more is harmless and tells.
    if (mlock(p, size) != 0) {
      locked = false;
      if (lock_required) {
        sodium_free(p);
        throw std::bad_alloc();
      }
    }
#ifdef MADV_WIPEONFORK
    madvise(p, size, MADV_WIPEONFORK);
#endif
    sodium_memzero(p, size);  // sodium_malloc fills with a pattern
    return static_cast<char *>(p);
  }

  /// kClasses: a mapping of its own.
  static std::size_t class_of(std::size_t bytes, std::size_t alignment) {
    const std::size_t size = std::max({bytes, alignment, kSmallestBlock});
    if (size > kLargestBlock) return kClasses;
    return static_cast<std::size_t>(std::countr_zero(std::bit_ceil(size)) - std::countr_zero(kSmallestBlock));
  }

  void *take(std::size_t c) {
    if (FreeBlock *block = free[c]; block != nullptr) {
      free[c] = block->next;
      block->next = nullptr;
      return block;
    }
    const std::size_t size = kSmallestBlock << c;
    if (fresh_blocks[c] == 0) {
      fresh[c] = map(kChunk);
      fresh_blocks[c] = kChunk / size;
    }
    char *block = fresh[c];
    fresh[c] += size;
    --fresh_blocks[c];
    return block;
  }

  void give_back(void *p, std::size_t c) {
    free[c] = new (p) FreeBlock{free[c]};
  }
};

SecureMemory &SecureMemory::instance() {
  // Never destroyed: secrets in static objects of the host may outlive every destructor of ours.
  static SecureMemory *memory = new SecureMemory;
  return *memory;
}

SecureMemory::SecureMemory() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium could not be initialised");
  static std::atomic<Impl *> forked;
  forked = impl_ = new Impl;
  // A child whose parent forked while another thread held the lock must still be able to run destructors.
  if (pthread_atfork([] { forked.load()->mutex.lock(); }, [] { forked.load()->mutex.unlock(); },
                     [] { forked.load()->mutex.unlock(); }) != 0)
    throw std::bad_alloc();
}

SecureMemory::~SecureMemory() {
  delete impl_;
}

bool SecureMemory::locked() const noexcept {
  return impl_->locked;
}

void SecureMemory::require_lock() noexcept {
  impl_->lock_required = true;
}

void *SecureMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::lock_guard lock(impl_->mutex);
  const std::size_t c = Impl::class_of(bytes, alignment);
  if (c != kClasses) return impl_->take(c);
  if (alignment > kLargestBlock) throw std::bad_alloc();
  return impl_->map(bytes);
}

void SecureMemory::do_deallocate(void *p, std::size_t bytes, std::size_t alignment) {
  const std::size_t c = Impl::class_of(bytes, alignment);
  if (c == kClasses) return sodium_free(p);  // wipes
  sodium_memzero(p, bytes);
  const std::lock_guard lock(impl_->mutex);
  impl_->give_back(p, c);
}

bool Secret::equals(const Secret &other) const noexcept {
  return size() == other.size() && sodium_memcmp(bytes_.data(), other.bytes_.data(), size()) == 0;
}

}  // namespace cordon

// The program's operator new: lists of freed blocks by size, for one thread. A seed makes and drops hundreds of
// thousands of small objects; with this they cost half as much. A sanitizer's build keeps its own.

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

constexpr std::size_t kGrain = 16;
constexpr std::size_t kLargest = 1024;
constexpr std::size_t kBlocksAtOnce = 64;

/// Before each block: which list it belongs to; 0: none, it is malloc's.
union Header {
  std::size_t list;
  Header *next;
  std::max_align_t aligned;
};

std::array<Header *, kLargest / kGrain + 1> g_free{};

Header *refill(std::size_t list) {
  const std::size_t step = sizeof(Header) + list * kGrain;
  auto *blocks = static_cast<std::byte *>(std::malloc(step * kBlocksAtOnce));
  if (blocks == nullptr) throw std::bad_alloc();
  for (std::size_t i = 1; i < kBlocksAtOnce; ++i) {
    auto *block = reinterpret_cast<Header *>(blocks + i * step);
    block->next = g_free[list];
    g_free[list] = block;
  }
  return reinterpret_cast<Header *>(blocks);
}

}  // namespace

void *operator new(std::size_t size) {
  const std::size_t list = size == 0 ? 1 : (size + kGrain - 1) / kGrain;
  Header *block = nullptr;
  if (list >= g_free.size()) {
    block = static_cast<Header *>(std::malloc(sizeof(Header) + size));
    if (block == nullptr) throw std::bad_alloc();
    block->list = 0;
    return block + 1;
  }
  block = g_free[list];
  if (block != nullptr)
    g_free[list] = block->next;
  else
    block = refill(list);
  block->list = list;
  return block + 1;
}

void operator delete(void *bytes) noexcept {
  if (bytes == nullptr) return;
  Header *block = static_cast<Header *>(bytes) - 1;
  const std::size_t list = block->list;
  if (list == 0) return std::free(block);
  block->next = g_free[list];
  g_free[list] = block;
}

void operator delete(void *bytes, std::size_t) noexcept {
  operator delete(bytes);
}

#endif

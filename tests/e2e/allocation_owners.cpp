// A library to be preloaded: writes every allocation of the process into the file that CORDON_ALLOCATIONS names, as
// three 64-bit numbers: address, size, and the address it was asked for from. Memory is zeroed when it is given out, so
// that whatever lies in a block was put there by whoever has, or had, it last.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

struct Allocation {
  std::uint64_t address, size, asked_from;
};
constexpr std::size_t kRoom = 4'000'000;

/// The records, in a file that survives an abort.
Allocation *records() {
  static Allocation *const mapped = [] {
    const char *path = std::getenv("CORDON_ALLOCATIONS");
    const int file = path == nullptr ? -1 : open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    void *pages = MAP_FAILED;
    if (file >= 0 && ftruncate(file, kRoom * sizeof(Allocation)) == 0)
      pages = mmap(nullptr, kRoom * sizeof(Allocation), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file >= 0) close(file);
    return pages == MAP_FAILED ? nullptr : static_cast<Allocation *>(pages);
  }();
  return mapped;
}

void *note(void *address, std::size_t size, const void *asked_from) {
  static std::atomic<std::size_t> next = 0;
  Allocation *const all = records();
  if (address == nullptr || all == nullptr) return address;
  const std::size_t index = next++;
  if (index >= kRoom) abort();  // an incomplete list would accuse the wrong owner
  all[index] = {reinterpret_cast<std::uint64_t>(address), size, reinterpret_cast<std::uint64_t>(asked_from)};
  return address;
}

}  // namespace

extern "C" {

void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *old, std::size_t size);
void *__libc_memalign(std::size_t alignment, std::size_t size);
std::size_t malloc_usable_size(void *block);

void *malloc(std::size_t size) {
  void *const block = __libc_malloc(size);
  if (block != nullptr) std::memset(block, 0, malloc_usable_size(block));
  return note(block, size, __builtin_return_address(0));
}

void *calloc(std::size_t count, std::size_t size) {
  return note(__libc_calloc(count, size), count * size, __builtin_return_address(0));
}

void *realloc(void *old, std::size_t size) {
  return note(__libc_realloc(old, size), size, __builtin_return_address(0));
}

void *memalign(std::size_t alignment, std::size_t size) {
  void *const block = __libc_memalign(alignment, size);
  if (block != nullptr) std::memset(block, 0, size);
  return note(block, size, __builtin_return_address(0));
}

void *aligned_alloc(std::size_t alignment, std::size_t size) {
  void *const block = __libc_memalign(alignment, size);
  if (block != nullptr) std::memset(block, 0, size);
  return note(block, size, __builtin_return_address(0));
}

int posix_memalign(void **out, std::size_t alignment, std::size_t size) {
  *out = __libc_memalign(alignment, size);
  if (*out != nullptr) std::memset(*out, 0, size);
  note(*out, size, __builtin_return_address(0));
  return *out == nullptr ? ENOMEM : 0;
}

char *strdup(const char *text) {
  const std::size_t size = std::strlen(text) + 1;
  void *const block = __libc_malloc(size);
  if (block == nullptr) return nullptr;
  std::memset(block, 0, malloc_usable_size(block));
  note(block, size, __builtin_return_address(0));
  return static_cast<char *>(std::memcpy(block, text, size));
}

}  // extern "C"

#pragma once

#include <cstddef>
#include <memory_resource>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_destroy.hpp"

namespace cordon {

/// The process's one guarded memory: pages locked in RAM, kept out of core dumps, wiped in a forked child, between
/// guard pages. What is given back is overwritten first. [any-thread]
class SecureMemory final : public std::pmr::memory_resource {
 public:
  static SecureMemory &instance();
  /// False once a page could not be locked (RLIMIT_MEMLOCK); the memory works all the same.
  bool locked() const noexcept;
  /// From now on, for the whole process, memory that can't be locked is refused (std::bad_alloc).
  void require_lock() noexcept;

 private:
  SecureMemory();
  ~SecureMemory() override;
  void *do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void *p, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource &other) const noexcept override { return this == &other; }
  struct Impl;
  Impl *impl_;
};

/// Stateless allocator over SecureMemory, for containers that hold secrets.
template <class T>
struct SecureAllocator {
  using value_type = T;
  SecureAllocator() noexcept = default;
  template <class U>
  SecureAllocator(const SecureAllocator<U> &) noexcept {}
  T *allocate(std::size_t n) { return static_cast<T *>(SecureMemory::instance().allocate(n * sizeof(T), alignof(T))); }
  void deallocate(T *p, std::size_t n) noexcept { SecureMemory::instance().deallocate(p, n * sizeof(T), alignof(T)); }
  template <class U>
  bool operator==(const SecureAllocator<U> &) const noexcept {
    return true;
  }
};

/// Bytes that are secret: guarded memory, no operator<<, no formatter, move-only so that every copy is written out.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
  Secret(const void *bytes, std::size_t size) : Secret(std::string_view(static_cast<const char *>(bytes), size)) {}
  static Secret zeros(std::size_t size) {
    Secret s;
    s.bytes_.resize(size);
    return s;
  }
  Secret(Secret &&) noexcept = default;
  Secret &operator=(Secret &&) noexcept = default;
  Secret(const Secret &) = delete;
  Secret &operator=(const Secret &) = delete;
  Secret clone() const { return Secret(reveal()); }

  void append(std::string_view more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void push_back(char c) { bytes_.push_back(c); }
  void resize(std::size_t size) { bytes_.resize(size); }
  void reserve(std::size_t size) { bytes_.reserve(size); }

  /// The only way to the bytes; the view lives as long as this object is unchanged.
  std::string_view reveal() const noexcept { return {bytes_.data(), bytes_.size()}; }
  char *data() noexcept { return bytes_.data(); }
  const unsigned char *bytes() const noexcept { return reinterpret_cast<const unsigned char *>(bytes_.data()); }
  unsigned char *bytes() noexcept { return reinterpret_cast<unsigned char *>(bytes_.data()); }
  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }
  /// Constant time for equal sizes.
  bool equals(const Secret &other) const noexcept;

 private:
  std::vector<char, SecureAllocator<char>> bytes_;
};

/// A string in guarded memory, and JSON built of such strings: for documents that carry secrets (token answers, the
/// vault's payload).
using SecureString = std::basic_string<char, std::char_traits<char>, SecureAllocator<char>>;
using SecureJson = nlohmann::basic_json<std::map, std::vector, SecureString, bool, std::int64_t, std::uint64_t, double,
                                        SecureAllocator>;

}  // namespace cordon

template <>
inline void cordon::SecureJson::json_value::destroy(value_t type) {
  cordon::detail::destroy_value<cordon::SecureAllocator>(*this, type);
}

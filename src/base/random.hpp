#pragma once

#include <cstddef>
#include <cstdint>

namespace cordon {

/// The seam through which all chance comes, so that a simulation can replay it.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(void *bytes, std::size_t size) = 0;
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t value = 0;
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    do {
      fill(&value, sizeof value);
    } while (value >= limit);
    return value % bound;
  }
};

/// The kernel's generator: keys, nonces, request ids. Not libsodium's, which a host may have replaced by one of its
/// own. [any-thread]
class SystemRandom final : public Random {
 public:
  void fill(void *bytes, std::size_t size) override;
};

}  // namespace cordon

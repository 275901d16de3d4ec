#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/random.hpp"

namespace cordon::emulator {

/// A reproducible stream (SplitMix64). Never for secrets that matter.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(void *bytes, std::size_t size) override;

  /// True with this probability, 0 to 1.
  bool chance(double probability);
  /// Uniform between both ends.
  std::chrono::nanoseconds between(std::chrono::nanoseconds least, std::chrono::nanoseconds most);
  std::string hex(std::size_t digits);
  std::string uuid();

 private:
  std::uint64_t next();
  std::uint64_t state_;
};

}  // namespace cordon::emulator

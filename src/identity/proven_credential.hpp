#pragma once

#include <optional>
#include <string>

#include "base/random.hpp"
#include "base/secure.hpp"

namespace cordon::identity {

/// The credential that has earned the last token, for as long as its successor has earned none. Lies sealed on the heap
/// under a key in guarded memory. [loop]
class ProvenCredential {
 public:
  /// `random` is borrowed.
  explicit ProvenCredential(Random &random) : random_(random) {}

  void keep(const Secret &credential);
  std::optional<Secret> get() const;
  /// There is one, and it is not `present`.
  bool differs_from(const Secret &present) const;

 private:
  Random &random_;
  Secret key_;
  std::string sealed_;  ///< empty: none has earned a token yet
};

}  // namespace cordon::identity

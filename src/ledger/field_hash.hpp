#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/secure.hpp"

namespace cordon::ledger {

/// BLAKE2b-256 over fields, each with its length before it, so that no two lists of fields hash alike.
class FieldHash {
 public:
  /// Keyed if there is a key, which need not outlive the constructor.
  explicit FieldHash(const Secret *key = nullptr);
  FieldHash &field(std::string_view bytes);
  FieldHash &field(std::int64_t number);
  std::string finish();

 private:
  alignas(64) std::array<unsigned char, 384> state_;  // crypto_generichash_state
};

}  // namespace cordon::ledger

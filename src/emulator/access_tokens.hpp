#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/random.hpp"
#include "base/utc.hpp"

namespace cordon::emulator {

struct TokenClaims {
  std::string id;
  std::string audience;
  std::string tenant_id;
  std::string client_id;
  std::vector<std::string> roles{};
  UtcTicks not_before, expires;  ///< real time, whole seconds
};

/// Signs access tokens (JWT, HS256, a key of its own) and knows its own again.
class AccessTokens {
 public:
  explicit AccessTokens(Random &random);

  std::string issue(const TokenClaims &claims) const;
  /// nullopt for a token that is not ours, has expired or was revoked.
  std::optional<TokenClaims> verify(std::string_view token, UtcTicks real_now) const;
  /// From now on this token is refused, whatever it is.
  void revoke(std::string_view token) { revoked_.emplace(token); }

 private:
  std::string signature(std::string_view signed_text) const;

  std::string key_;
  std::unordered_set<std::string> revoked_;
};

}  // namespace cordon::emulator

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
  std::vector<std::string> scopes{};  ///< of a person's token
  std::string object_id{};            ///< of the service principal or the person
  std::string user{};                 ///< the person's name; empty: an application's token
  UtcTicks not_before, expires;       ///< real time, whole seconds
};

/// Signs access tokens (JWT, HS256, a key of its own) and knows its own again.
class AccessTokens {
 public:
  explicit AccessTokens(Random &random);

  static std::string issuer(const std::string &tenant_id) { return "https://sts.windows.net/" + tenant_id + "/"; }
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

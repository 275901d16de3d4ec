#pragma once

#include <string>
#include <vector>

#include "base/secure.hpp"
#include "base/utc.hpp"

namespace cordon::identity {

/// What an access token says of itself, for diagnosis only: it is not verified, and the service may say otherwise.
struct TokenClaims {
  TokenClaims() = default;
  bool readable = false;  ///< false: it is no JWT, which is the service's right
  std::string audience, tenant_id, application;
  std::vector<std::string> roles;   ///< permissions of an application
  std::vector<std::string> scopes;  ///< permissions of a person's token
  UtcTicks expires;
};

TokenClaims read_claims(const Secret &token);

}  // namespace cordon::identity

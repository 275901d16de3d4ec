#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/random.hpp"
#include "http/transport.hpp"
#include "identity/client_secret.hpp"
#include "identity/device_code.hpp"
#include "identity/token.hpp"

namespace cordon::identity {

/// What token sources stand on. All is borrowed and must outlive them.
struct CredentialSeams {
  CredentialSeams(http::Transport &transport_, SecretReader read_secret_, Random &random_,
                  RefreshTokens *refresh_tokens_ = nullptr)
      : transport(transport_), read_secret(std::move(read_secret_)), random(random_), refresh_tokens(refresh_tokens_) {}

  http::Transport &transport;
  SecretReader read_secret;
  Random &random;
  RefreshTokens *refresh_tokens;  ///< nullptr: there is no place to keep any
};

/// The token source for a tenant's `credential`. `pointer` is its place in the config. Errors: INVALID_ARGUMENT with
/// the pointer for a member that is missing, wrong or belongs to another kind; NOT_SUPPORTED for a managed identity of
/// a service that Cordon does not know. Files and secrets are not looked at before they are needed.
Result<std::unique_ptr<TokenSource>> make_token_source(const Json &credential, const std::string &pointer,
                                                       Applicant applicant, const CredentialSeams &seams);

}  // namespace cordon::identity

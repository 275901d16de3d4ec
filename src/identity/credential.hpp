#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "http/transport.hpp"
#include "identity/client_secret.hpp"
#include "identity/token.hpp"

namespace cordon::identity {

/// The token source for a tenant's `credential` (its shape was checked by the config's schema). `pointer` is its place
/// in the config. Errors: INVALID_ARGUMENT for a member that is missing or belongs to another kind; NOT_SUPPORTED for a
/// kind this version does not offer, naming those it does.
Result<std::unique_ptr<TokenSource>> make_token_source(const Json &credential, const std::string &pointer,
                                                       Applicant applicant, http::Transport &transport,
                                                       SecretReader read_secret);

}  // namespace cordon::identity

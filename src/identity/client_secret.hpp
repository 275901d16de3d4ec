#pragma once

#include <functional>
#include <string>

#include "base/clock.hpp"
#include "http/transport.hpp"
#include "identity/oauth_error.hpp"
#include "identity/token.hpp"

namespace cordon::identity {

/// Reads a named secret of the vault; opened per use, so that a changed vault is noticed.
using SecretReader = std::function<Result<Secret>(const std::string &name)>;

/// Client credentials with a shared secret (mde-api §2.1).
class ClientSecretSource final : public TokenSource {
 public:
  /// `token_version` 2: the v2.0 endpoint with `scope`; 1: the older one with `resource`. `transport` is borrowed.
  ClientSecretSource(Applicant applicant, std::string secret_name, int token_version, http::Transport &transport,
                     SecretReader read_secret);

  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override;
  std::string fingerprint() const override;
  std::string authority() const override;

 private:
  Secret form(const Secret &secret) const;
  std::string endpoint() const;

  Applicant applicant_;
  std::string secret_name_;
  int token_version_;
  http::Transport &transport_;
  SecretReader read_secret_;
};

}  // namespace cordon::identity

#pragma once

#include <string>

#include "http/settings.hpp"
#include "identity/token_endpoint.hpp"

namespace cordon::identity {

using http::SecretReader;

/// Client credentials with a shared secret (mde-api §2.1).
class ClientSecretSource final : public TokenSource {
 public:
  ClientSecretSource(TokenEndpoint endpoint, std::string secret_name, SecretReader read_secret);

  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override;
  std::string fingerprint() const override;
  std::string authority() const override { return endpoint_.applicant().login; }

 private:
  TokenEndpoint endpoint_;
  std::string secret_name_;
  SecretReader read_secret_;
};

}  // namespace cordon::identity

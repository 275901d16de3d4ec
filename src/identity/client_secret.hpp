#pragma once

#include <string>

#include "http/settings.hpp"
#include "identity/proven_credential.hpp"
#include "identity/token_endpoint.hpp"

namespace cordon::identity {

using http::SecretReader;

/// Client credentials with a shared secret (mde-api §2.1).
class ClientSecretSource final : public TokenSource {
 public:
  /// `random` is borrowed.
  ClientSecretSource(TokenEndpoint endpoint, std::string secret_name, SecretReader read_secret, Random &random);

  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override;
  loop::Task<Result<SharedToken>> fetch_with_former(loop::Scope &scope) override;
  bool has_former() const override;
  std::string fingerprint() const override;
  std::string authority() const override { return endpoint_.applicant().login; }

 private:
  loop::Task<Result<SharedToken>> ask(Secret secret, loop::Scope &scope);

  TokenEndpoint endpoint_;
  std::string secret_name_;
  SecretReader read_secret_;
  ProvenCredential proven_;
};

}  // namespace cordon::identity

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "identity/token_endpoint.hpp"

namespace cordon::identity {

/// Makes or fetches the signed statement (JWT) by which an application proves who it is without a shared secret.
/// [loop]
class AssertionMaker {
 public:
  virtual ~AssertionMaker() = default;
  /// A fresh one for the token endpoint `audience`. `now` is the service's time as far as it is known. Errors name the
  /// place in the config and the remedy.
  virtual loop::Task<Result<Secret>> make(std::string audience, UtcTicks now, loop::Scope &scope) = 0;
  /// Changes with the credential; empty when it can't be known now.
  virtual std::string fingerprint(const TokenEndpoint &endpoint) const = 0;
  /// When the credential ends.
  virtual std::optional<UtcTicks> not_after() const { return std::nullopt; }
};

/// Client credentials with an assertion (mde-api §2.3, §2.4). One that the service calls stale is made once more, by
/// the service's own time.
class AssertedSource final : public TokenSource {
 public:
  AssertedSource(TokenEndpoint endpoint, std::unique_ptr<AssertionMaker> maker);

  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override;
  std::string fingerprint() const override { return maker_->fingerprint(endpoint_); }
  std::string authority() const override { return endpoint_.applicant().login; }
  std::optional<UtcTicks> not_after() const override { return maker_->not_after(); }

 private:
  loop::Task<TokenExchange> attempt(UtcTicks now, loop::Scope &scope);

  TokenEndpoint endpoint_;
  std::unique_ptr<AssertionMaker> maker_;
};

}  // namespace cordon::identity

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
  /// When a credential is rotated: as TokenSource says. `make_with_former` follows has_former() at once; `prove`: what
  /// the last make was made with has earned a token.
  virtual loop::Task<Result<Secret>> make_with_former(std::string, UtcTicks, loop::Scope &) {
    co_return fail(Status::Internal, "there is no former credential");
  }
  virtual bool has_former() const { return false; }
  virtual void prove() {}
  /// Changes with the credential; empty when it can't be known now.
  virtual std::string fingerprint(const TokenEndpoint &endpoint) const = 0;
  /// As TokenSource::problem. [any-thread]
  virtual std::optional<Error> problem() const { return std::nullopt; }
  /// When the credential ends.
  virtual std::optional<UtcTicks> not_after() const { return std::nullopt; }
};

/// Client credentials with an assertion (mde-api §2.3, §2.4). One that the service calls stale is made once more, by
/// the service's own time.
class AssertedSource final : public TokenSource {
 public:
  AssertedSource(TokenEndpoint endpoint, std::unique_ptr<AssertionMaker> maker);

  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override;
  loop::Task<Result<SharedToken>> fetch_with_former(loop::Scope &scope) override;
  bool has_former() const override { return maker_->has_former(); }
  std::string fingerprint() const override { return maker_->fingerprint(endpoint_); }
  std::string authority() const override { return endpoint_.applicant().login; }
  std::optional<Error> problem() const override { return maker_->problem(); }
  std::optional<UtcTicks> not_after() const override { return maker_->not_after(); }

 private:
  enum class Which { Present, Former };
  loop::Task<Result<SharedToken>> fetch(Which which, loop::Scope &scope);
  loop::Task<TokenExchange> attempt(Which which, UtcTicks now, loop::Scope &scope);

  TokenEndpoint endpoint_;
  std::unique_ptr<AssertionMaker> maker_;
};

}  // namespace cordon::identity

#pragma once

#include <optional>
#include <string>

#include "identity/token_endpoint.hpp"

namespace cordon::identity {

/// Where the refresh tokens of people live, encrypted and durable. [loop]
class RefreshTokens {
 public:
  virtual ~RefreshTokens() = default;
  /// NOT_FOUND when nobody has signed in under that name.
  virtual loop::Task<Result<Secret>> load_refresh_token(std::string name) = 0;
  /// Durable when it returns.
  virtual loop::Task<Result<void>> save_refresh_token(std::string name, Secret token) = 0;
};

/// What a person needs to sign in on another device (mde-api §2.6).
struct DeviceCode {
  DeviceCode() = default;
  Secret device_code;            ///< stays here
  std::string user_code;         ///< to be typed in
  std::string verification_uri;  ///< where
  std::string message;           ///< the service's own words, one printable line
  BootTime expires;
  UtcTicks expires_at;
  nanoseconds interval{0};  ///< between two questions whether it is done
};

/// Delegated tokens: a person signs in once, the refresh token does the rest. [loop]
class DeviceCodeSource final : public TokenSource {
 public:
  /// `refresh_tokens` is borrowed.
  DeviceCodeSource(Applicant applicant, http::Transport &transport, RefreshTokens &refresh_tokens);

  /// A new token for the refresh token that is kept; a new refresh token replaces that before anything is returned.
  /// UNAUTHENTICATED when nobody has signed in.
  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override;
  std::string fingerprint() const override;
  std::string authority() const override { return endpoint_.applicant().login; }

  /// Asks for a code.
  loop::Task<Result<DeviceCode>> begin_login(loop::Scope &scope);
  /// Until the person has signed in, or refused, or the code has expired.
  loop::Task<Result<SharedToken>> finish_login(DeviceCode &code, loop::Scope &scope);

 private:
  loop::Task<Result<SharedToken>> keep(Granted granted);
  void add_scope(SecretForm &form) const;

  TokenEndpoint endpoint_;
  http::Transport &transport_;
  RefreshTokens &refresh_tokens_;
};

}  // namespace cordon::identity

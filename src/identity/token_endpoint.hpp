#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "http/transport.hpp"
#include "identity/oauth_error.hpp"
#include "identity/secret_form.hpp"
#include "identity/token.hpp"

namespace cordon::identity {

/// What a token endpoint gave.
struct Granted {
  Granted() = default;
  SharedToken token;
  Secret refresh_token;  ///< empty when none came
};

/// One attempt at a token endpoint.
struct TokenExchange {
  TokenExchange() = default;
  Result<Granted> granted;
  std::optional<UtcTicks> service_time;  ///< its `Date`, when it answered
};

/// A tenant's token endpoint (mde-api §2): knows how requests look and what answers mean, not who asks. [loop]
class TokenEndpoint {
 public:
  /// `version` 2: the v2.0 endpoint with `scope`; 1: the older one with `resource`. `transport` is borrowed.
  TokenEndpoint(Applicant applicant, int version, http::Transport &transport);

  const Applicant &applicant() const { return applicant_; }
  std::string url() const;
  /// "client_credentials", the application and the audience; the proof is still to be added. `room`: its bytes.
  SecretForm client_credentials(std::size_t room) const;

  loop::Task<TokenExchange> ask(const Secret &form, loop::Scope &scope) const;
  /// Says for whom there is no token, and leaves the rest as it is.
  Error explain(Error cause) const;
  /// What an answer that is no 200 means; `response` has its body in guarded memory.
  Error refused(const http::Response &response) const;

  /// Names a credential without telling anything about it: a hash over endpoint, application, audience and `parts`,
  /// keyed by `secret` if the credential is one, so that nothing can be tried against it without the secret.
  std::string fingerprint(std::initializer_list<std::string_view> parts, const Secret *secret = nullptr) const;

 private:
  Applicant applicant_;
  int version_;
  http::Transport &transport_;
};

/// The request every endpoint of the sign-in service takes; `form` is borrowed.
http::Request form_request(std::string url, const Secret &form);

}  // namespace cordon::identity

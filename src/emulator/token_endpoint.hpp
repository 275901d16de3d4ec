#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "emulator/access_tokens.hpp"
#include "emulator/device_codes.hpp"
#include "emulator/directory.hpp"
#include "emulator/entra_error.hpp"
#include "emulator/exchange.hpp"
#include "emulator/query_string.hpp"
#include "emulator/seeded_random.hpp"

namespace cordon::emulator {

enum class TokenProtocol { V1, V2 };

/// A token request, as far as all grants read it alike.
struct TokenRequest {
  TokenProtocol protocol;
  const TenantRecord &tenant;
  QueryString form;
  std::string basic_id, basic_secret;  ///< of HTTP Basic authentication; empty when there is none
  std::string origin;                  ///< as the client calls us: what its assertions must be made out for
  UtcTicks real_now;                   ///< what tokens and assertions are checked against
};

/// A refusal and what is appended to its text.
struct TokenRefusal {
  TokenRefusal(const EntraError &error_, std::string detail_ = {}) : error(error_), detail(std::move(detail_)) {}
  EntraError error;
  std::string detail;
};

/// The application a request names, whatever it proves. `basic_id` counts too.
tl::expected<const App *, TokenRefusal> named_client(const Directory &directory, const TokenRequest &request);
/// The same with its proof checked: a client secret, in the form or by HTTP Basic, or an assertion signed with one of
/// its certificates or made by an issuer it trusts. `tokens` knows our own tokens, which may be such assertions.
tl::expected<const App *, TokenRefusal> authenticate_client(const Directory &directory, const AccessTokens &tokens,
                                                            const TokenRequest &request);

/// The audience that is asked for, by `resource` (v1) or `scope` (v2). `delegated`: beside it the scope may name those
/// of OpenID Connect.
tl::expected<std::string, TokenRefusal> requested_audience(const Directory &directory, const TokenRequest &request,
                                                           bool delegated = false);
/// Whether a delegated request asks for a refresh token.
bool wants_refresh_token(const TokenRequest &request);

/// `/{tenant}/oauth2/token`, `/{tenant}/oauth2/v2.0/token` and `/{tenant}/oauth2/v2.0/devicecode` (mde-api §2). All
/// references must outlive it.
class TokenEndpoint {
 public:
  TokenEndpoint(const Directory &directory, const AccessTokens &tokens, DeviceCodes &device_codes, SeededRandom &random,
                std::chrono::seconds lifetime)
      : directory_(directory), tokens_(tokens), device_codes_(device_codes), random_(random), lifetime_(lifetime) {}

  /// `tenant` is the path's segment, decoded. `origin` is ours, as the client calls it.
  Reply handle(const Request &request, std::string_view tenant, TokenProtocol protocol, const std::string &origin,
               UtcTicks real_now);
  Reply handle_device_code(const Request &request, std::string_view tenant, const std::string &origin,
                           UtcTicks real_now);

  /// An application's token for `audience`, as every endpoint gives it out.
  std::string issue(const App &app, const std::string &audience, UtcTicks real_now);
  std::chrono::seconds lifetime() const { return lifetime_; }

 private:
  using Answer = tl::expected<Reply, TokenRefusal>;
  tl::expected<TokenRequest, TokenRefusal> read(const Request &request, std::string_view tenant, TokenProtocol protocol,
                                                const std::string &origin, UtcTicks real_now);
  Answer answer(const TokenRequest &request);
  Answer client_credentials(const TokenRequest &request);
  Answer device_code(const TokenRequest &request);
  Answer refresh(const TokenRequest &request);
  Answer begin_device_code(const TokenRequest &request);
  tl::expected<const App *, TokenRefusal> public_client(const TokenRequest &request);
  Reply grant(const TokenRequest &request, const App &app, const std::string &audience);
  Reply grant_to(const SignIn &sign_in, const App &app, UtcTicks real_now);

  const Directory &directory_;
  const AccessTokens &tokens_;
  DeviceCodes &device_codes_;
  SeededRandom &random_;
  std::chrono::seconds lifetime_;
};

}  // namespace cordon::emulator

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "emulator/access_tokens.hpp"
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
};

/// A refusal and what is appended to its text.
struct TokenRefusal {
  TokenRefusal(const EntraError &error_, std::string detail_ = {}) : error(error_), detail(std::move(detail_)) {}
  EntraError error;
  std::string detail;
};

/// Finds the application that asks and checks its proof: a client secret, in the form or by HTTP Basic. Other proofs
/// belong here.
tl::expected<const App *, TokenRefusal> authenticate_client(const Directory &directory, const TokenRequest &request);

/// The audience that is asked for, by `resource` (v1) or `scope` (v2).
tl::expected<std::string, TokenRefusal> requested_audience(const Directory &directory, const TokenRequest &request);

/// `/{tenant}/oauth2/token` and `/{tenant}/oauth2/v2.0/token` (mde-api §2). All references must outlive it.
class TokenEndpoint {
 public:
  TokenEndpoint(const Directory &directory, const AccessTokens &tokens, SeededRandom &random,
                std::chrono::seconds lifetime)
      : directory_(directory), tokens_(tokens), random_(random), lifetime_(lifetime) {}

  /// `tenant` is the path's segment, decoded. `real_now` is real time: that is what tokens are checked against.
  Reply handle(const Request &request, std::string_view tenant, TokenProtocol protocol, UtcTicks real_now);

 private:
  tl::expected<Reply, TokenRefusal> answer(const Request &request, std::string_view tenant, TokenProtocol protocol,
                                           UtcTicks real_now);
  tl::expected<Reply, TokenRefusal> client_credentials(const TokenRequest &request, UtcTicks real_now);

  const Directory &directory_;
  const AccessTokens &tokens_;
  SeededRandom &random_;
  std::chrono::seconds lifetime_;
};

}  // namespace cordon::emulator

#pragma once

#include <string>
#include <string_view>

#include "base/utc.hpp"
#include "emulator/exchange.hpp"
#include "emulator/seeded_random.hpp"

namespace cordon::emulator {

/// Why a token is refused (mde-api §2.2): the row of the table of AADSTS codes.
struct EntraError {
  int aadsts;
  std::string_view error;
  int http_status;
  std::string_view text;
};

namespace entra {
inline constexpr EntraError kBadSecret{7000215, "invalid_client", 401, "The client secret given is not valid."};
inline constexpr EntraError kExpiredSecret{7000222, "invalid_client", 401, "The client secret has expired."};
inline constexpr EntraError kNoCredential{7000218, "invalid_client", 401,
                                          "The request body must carry client_assertion or client_secret."};
inline constexpr EntraError kUnknownApp{700016, "unauthorized_client", 400,
                                        "The application was not found in the directory."};
inline constexpr EntraError kDisabledApp{7000112, "unauthorized_client", 400, "The application is disabled."};
inline constexpr EntraError kUnknownTenant{90002, "invalid_request", 400, "The tenant was not found."};
inline constexpr EntraError kOtherCloud{900432, "invalid_request", 400,
                                        "The tenant belongs to another national cloud."};
inline constexpr EntraError kBadScope{70011, "invalid_scope", 400,
                                      "The scope is not valid: it must be a resource followed by /.default."};
inline constexpr EntraError kUnknownResource{500011, "invalid_resource", 400,
                                             "The resource principal was not found in the tenant."};
inline constexpr EntraError kResourceOnV2{901002, "invalid_request", 400,
                                          "The parameter 'resource' is not supported here."};
inline constexpr EntraError kUnsupportedGrant{70003, "unsupported_grant_type", 400, "The grant type is not supported."};
inline constexpr EntraError kMalformed{9002313, "invalid_request", 400, "The request is malformed."};
inline constexpr EntraError kNotPost{900561, "invalid_request", 400, "The endpoint accepts POST requests only."};
inline constexpr EntraError kUnavailable{90033, "temporarily_unavailable", 503,
                                         "The service is temporarily unavailable."};
inline constexpr EntraError kPublicClient{700025, "invalid_client", 401,
                                          "The application is a public client and takes no credential."};
inline constexpr EntraError kNotAccepted{50012, "invalid_client", 401, "Authentication failed. "};
inline constexpr EntraError kBadSignature{700027, "invalid_client", 401,
                                          "The client assertion's signature is not valid. "};
inline constexpr EntraError kExpiredCertificate{7000222, "invalid_client", 401, "The certificate has expired."};
inline constexpr EntraError kStaleAssertion{700024, "invalid_client", 401,
                                            "The client assertion is not within its valid time range. "};
inline constexpr EntraError kStaleFederated{500133, "invalid_grant", 400,
                                            "The assertion is not within its valid time range. "};
inline constexpr EntraError kUnknownIssuer{700211, "invalid_request", 400,
                                           "No federated identity record fits the assertion's issuer."};
inline constexpr EntraError kUnknownFederatedAudience{700212, "invalid_request", 400,
                                                      "No federated identity record fits the assertion's audience."};
inline constexpr EntraError kUnknownSubject{700213, "invalid_request", 400,
                                            "No federated identity record fits the assertion's subject."};
inline constexpr EntraError kNotPublic{7000218, "invalid_client", 401,
                                       "The application is not configured as a public client, so the request must "
                                       "carry client_assertion or client_secret."};
inline constexpr EntraError kAuthorizationPending{70016, "authorization_pending", 400,
                                                  "Authorization is pending. Continue polling."};
inline constexpr EntraError kSlowDown{70016, "slow_down", 400, "Polling is too fast."};
inline constexpr EntraError kDeclined{65004, "authorization_declined", 400, "The person declined."};
inline constexpr EntraError kUnknownCode{70018, "bad_verification_code", 400, "The device code is not known."};
inline constexpr EntraError kExpiredCode{70019, "expired_token", 400, "The device code has expired."};
inline constexpr EntraError kBadRefreshToken{700082, "invalid_grant", 400,
                                             "The refresh token has expired, was revoked or is not known."};
/// The parameter's name is appended.
inline constexpr EntraError kMissingParameter{900144, "invalid_request", 400, "A required parameter is missing: "};
}  // namespace entra

/// `detail` is appended to the text.
Reply to_reply(const EntraError &error, SeededRandom &random, UtcTicks now, std::string_view detail = {});

}  // namespace cordon::emulator

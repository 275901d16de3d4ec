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
/// The parameter's name is appended.
inline constexpr EntraError kMissingParameter{900144, "invalid_request", 400, "A required parameter is missing: "};
}  // namespace entra

/// `detail` is appended to the text.
Reply to_reply(const EntraError &error, SeededRandom &random, UtcTicks now, std::string_view detail = {});

}  // namespace cordon::emulator

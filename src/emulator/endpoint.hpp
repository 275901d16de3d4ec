#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/action_kind.hpp"
#include "emulator/call.hpp"

namespace cordon::emulator {

/// One operation of the API.
struct Endpoint {
  std::string name;  ///< method and path with the variable part in braces; counters, quotas and faults go by it
  std::string method;
  std::vector<std::string> path;  ///< segments; a braced one matches anything, one ending in "(" a function's call
  Answer (*handle)(Call &);
  /// All sets must be satisfied by the token's roles, each by any one of its members (mde-api §3).
  std::vector<std::vector<std::string>> permissions;
  const ActionKind *kind = nullptr;  ///< what it starts
};

const std::vector<Endpoint> &endpoints();

inline constexpr std::string_view kTokenV1 = "POST /{tenant}/oauth2/token";
inline constexpr std::string_view kTokenV2 = "POST /{tenant}/oauth2/v2.0/token";
inline constexpr std::string_view kDeviceCode = "POST /{tenant}/oauth2/v2.0/devicecode";
inline constexpr std::string_view kOpenIdMetadata = "GET /{tenant}/v2.0/.well-known/openid-configuration";
inline constexpr std::string_view kDeviceLogin = "GET /devicelogin";
inline constexpr std::string_view kDeviceLoginForm = "POST /devicelogin";

/// Of the API, of the sign-in service and of the managed identity services.
std::vector<std::string> endpoint_names();

struct Route {
  const Endpoint *endpoint;
  std::string argument;
};
/// `path` without the query. Letter case does not matter, nor does a v1.0 segment (mde-api §1.2).
std::optional<Route> find_endpoint(std::string_view method, std::string_view path);

/// The segments of a path, decoded; empty for a broken escape or a path that does not begin with a slash.
std::vector<std::string> path_segments(std::string_view path);

}  // namespace cordon::emulator

#include "defender/cloud.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::defender {
namespace {

struct KnownCloud {
  const char *name, *api, *login, *audience;
};

constexpr const char *kCommercialAudience = "https://api.securitycenter.microsoft.com";

// mde-api §1.1. GCC is the odd one: commercial login, government API.
constexpr std::array kClouds = {
    KnownCloud{"commercial", "https://api.security.microsoft.com", "https://login.microsoftonline.com",
               kCommercialAudience},
    KnownCloud{"gcc", "https://api-gcc.securitycenter.microsoft.us", "https://login.microsoftonline.com",
               "https://api-gcc.securitycenter.microsoft.us"},
    KnownCloud{"gcc-high", "https://api-gov.securitycenter.microsoft.us", "https://login.microsoftonline.us",
               "https://api-gov.securitycenter.microsoft.us"},
    KnownCloud{"dod", "https://api-gov.securitycenter.microsoft.us", "https://login.microsoftonline.us",
               "https://api-gov.securitycenter.microsoft.us"},
};

/// Geo hosts exist in the commercial cloud alone; the audience is the same whichever is called.
constexpr std::array kGeos = {"us", "eu", "uk", "au", "swa", "ina", "aea"};

Error refuse(const std::string &pointer, const std::string &problem) {
  return Error(Status::InvalidArgument, fmt::format("config at {}: {}", pointer, problem)).at(pointer);
}

/// "https://host[:port]" without anything behind it; a single trailing slash is dropped.
Result<std::string> parse_origin(const Json &cloud, const char *key, const std::string &place) {
  const std::string pointer = fmt::format("{}/cloud/{}", place, key);
  std::string url = text_or(cloud, key);
  if (url.ends_with('/')) url.pop_back();
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme) || url.size() == kScheme.size())
    return fail(refuse(pointer, "must be a URL that begins with https://"));
  const auto is_host = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == ':' || c == '[' || c == ']';
  };
  if (!std::all_of(url.begin() + kScheme.size(), url.end(), is_host))
    return fail(refuse(pointer, "must be https://host or https://host:port, with no user, path or query"));
  return url;
}

Result<Cloud> parse_custom(const Json &cloud, const std::string &place) {
  auto api = parse_origin(cloud, "api", place);
  if (!api) return fail(std::move(api.error()));
  auto login = parse_origin(cloud, "login", place);
  if (!login) return fail(std::move(login.error()));
  std::string audience = text_or(cloud, "audience");
  if (audience.empty()) return fail(refuse(place + "/cloud/audience", "must name the audience of the tokens"));
  return Cloud("custom", std::move(*api), std::move(*login), std::move(audience));
}

}  // namespace

std::vector<std::string> cloud_names() {
  std::vector<std::string> names;
  for (const KnownCloud &cloud : kClouds) names.emplace_back(cloud.name);
  for (const char *geo : kGeos) names.push_back(std::string("commercial/") + geo);
  return names;
}

Result<Cloud> parse_cloud(const Json &cloud, const std::string &place) {
  if (cloud.is_object()) return parse_custom(cloud, place);
  const auto *name = cloud.get_ptr<const std::string *>();
  if (name == nullptr)
    return fail(refuse(place + "/cloud", "must be a cloud's name or an object with api, login and audience"));
  for (const KnownCloud &known : kClouds)
    if (*name == known.name) return Cloud(*name, known.api, known.login, known.audience);
  for (const char *geo : kGeos)
    if (*name == std::string("commercial/") + geo)
      return Cloud(*name, fmt::format("https://{}.api.security.microsoft.com", geo), kClouds[0].login,
                   kCommercialAudience);
  return fail(
      refuse(place + "/cloud", fmt::format("unknown cloud; known are {}; any other is given as an object with api, "
                                           "login and audience",
                                           fmt::join(cloud_names(), ", "))));
}

}  // namespace cordon::defender

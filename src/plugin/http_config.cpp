#include "plugin/http_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/text.hpp"
#include "base/version.hpp"

namespace cordon::plugin {
namespace {

tl::unexpected<Error> refuse_http(const char *member, std::string_view problem) {
  const std::string place = fmt::format("/http/{}", member);
  return fail(Error(Status::InvalidArgument, fmt::format("config at {}: {}", place, problem)).at(place));
}

std::optional<std::string> optional_text(const Json &http, const char *member) {
  const auto found = http.find(member);
  if (found == http.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

Result<void> check_proxy(const Json &http) {
  const auto proxy = optional_text(http, "proxy");
  if (!proxy) return {};
  const std::string_view url = *proxy;
  if (url.find('@') != std::string_view::npos)
    return refuse_http("proxy",
                       "must not carry user and password; store user:password in the vault and name it in "
                       "/http/proxy_secret_name");
  const bool has_scheme = url.find("://") != std::string_view::npos;
  const std::string scheme = to_lower(url.substr(0, has_scheme ? url.find("://") : 0));
  if (has_scheme && scheme != "http" && scheme != "https")
    return refuse_http("proxy", "must be an http:// or https:// proxy");
  const std::string_view rest = has_scheme ? url.substr(url.find("://") + 3) : url;
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const bool plain = std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  const bool only_host = rest.size() == authority.size() || rest.size() == authority.size() + 1;
  if (!url.empty() && (authority.empty() || authority.front() == ':' || !only_host || !plain ||
                       authority.find_first_of("?#") != std::string_view::npos))
    return refuse_http("proxy", "must be scheme, host and port alone, such as http://proxy.example:3128");
  return {};
}

Result<void> check_paths(const Json &http) {
  for (const char *member : {"ca_file", "ca_dir", "client_certificate_file", "client_key_file"})
    if (const std::string path = text_or(http, member); !path.empty() && !path.starts_with('/'))
      return refuse_http(member, "must be an absolute path");
  return {};
}

Result<void> check_companions(const Json &http) {
  const auto has = [&http](const char *member) { return !text_or(http, member).empty(); };
  if (optional_text(http, "proxy") == "")
    for (const char *member : {"proxy_secret_name", "no_proxy"})
      if (has(member)) return refuse_http(member, "goes with a proxy, and /http/proxy says there is none; remove one");
  if (http.contains("proxy_auth") && !has("proxy_secret_name"))
    return refuse_http("proxy_auth", "goes with /http/proxy_secret_name; name the secret with user:password");
  if (has("client_certificate_file") && has("client_certificate_secret_name"))
    return refuse_http("client_certificate_secret_name",
                       "there is /http/client_certificate_file too; remove one of them");
  const bool certificate = has("client_certificate_file") || has("client_certificate_secret_name");
  for (const char *member : {"client_key_file", "client_key_password_secret_name"})
    if (has(member) && !certificate)
      return refuse_http(member, "goes with a client certificate; name it in /http/client_certificate_file");
  if (!bool_or(http, "system_ca", true) && !has("ca_file") && !has("ca_dir"))
    return refuse_http("system_ca", "nobody would be trusted; name a CA in /http/ca_file or /http/ca_dir");
  return {};
}

}  // namespace

Result<http::Settings> read_http(const Json &http) {
  for (const auto check : {&check_proxy, &check_paths, &check_companions})
    if (auto good = check(http); !good) return fail(std::move(good.error()));
  http::Settings settings;
  settings.ca_file = text_or(http, "ca_file");
  settings.ca_dir = text_or(http, "ca_dir");
  settings.system_ca = bool_or(http, "system_ca", false);
  settings.proxy = optional_text(http, "proxy");
  settings.no_proxy = optional_text(http, "no_proxy");
  settings.proxy_secret_name = text_or(http, "proxy_secret_name");
  settings.proxy_digest = text_or(http, "proxy_auth") == "digest";
  settings.client_certificate_file = text_or(http, "client_certificate_file");
  settings.client_certificate_secret_name = text_or(http, "client_certificate_secret_name");
  settings.client_key_file = text_or(http, "client_key_file");
  settings.client_key_password_secret_name = text_or(http, "client_key_password_secret_name");
  settings.connect_timeout = milliseconds(int_or(http, "connect_timeout_ms", 10'000));
  settings.exchange_timeout = milliseconds(int_or(http, "exchange_timeout_ms", 120'000));
  settings.user_agent = std::string("cordon/") + kVersion;
  return settings;
}

}  // namespace cordon::plugin

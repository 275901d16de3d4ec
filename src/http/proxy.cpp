#include "http/proxy.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "http/failure.hpp"

namespace cordon::http {
namespace {

std::string environment(std::initializer_list<const char *> names, std::string *found = nullptr) {
  for (const char *name : names) {
    const char *value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    if (found != nullptr) *found = name;
    return value;
  }
  return {};
}

/// The bytes of an IPv4 or IPv6 address; empty for anything else.
std::string address_bytes(std::string_view text) {
  const std::string copy(text);
  unsigned char bytes[sizeof(in6_addr)];
  if (inet_pton(AF_INET, copy.c_str(), bytes) == 1) return {reinterpret_cast<const char *>(bytes), sizeof(in_addr)};
  if (inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return {reinterpret_cast<const char *>(bytes), sizeof(in6_addr)};
  return {};
}

bool is_in_network(std::string_view network, std::string_view host) {
  const auto slash = network.find('/');
  const std::string inside = address_bytes(host);
  const std::string base = address_bytes(network.substr(0, slash));
  if (inside.empty() || inside.size() != base.size()) return false;
  const auto whole = static_cast<std::int64_t>(base.size()) * 8;
  const auto bits = slash == std::string_view::npos ? whole : parse_int(network.substr(slash + 1)).value_or(-1);
  if (bits < 0 || bits > whole) return false;
  for (std::int64_t bit = 0; bit < bits; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if (((inside[byte] ^ base[byte]) & mask) != 0) return false;
  }
  return true;
}

std::string_view without_dots(std::string_view name) {
  while (name.starts_with('.')) name.remove_prefix(1);
  while (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool matches(std::string_view entry, std::string_view host) {
  if (entry == "*") return true;
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (!address_bytes(host).empty()) return is_in_network(entry, host);
  entry = without_dots(entry);
  host = without_dots(host);
  if (entry.empty() || host.size() < entry.size()) return false;
  if (!equal_ignoring_case(host.substr(host.size() - entry.size()), entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

/// Host of "host:port", "[v6]:port" or "host".
std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(1, authority.find(']') - 1);
  return authority.substr(0, authority.rfind(':'));
}

}  // namespace

bool is_direct(std::string_view no_proxy, std::string_view host) {
  constexpr std::string_view kBetween = ", \t";
  while (!no_proxy.empty()) {
    const auto end = std::min(no_proxy.find_first_of(kBetween), no_proxy.size());
    if (end > 0 && matches(no_proxy.substr(0, end), host)) return true;
    no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
  }
  return false;
}

Proxy Proxy::of(const Settings &settings) {
  Proxy proxy;
  std::string name;
  std::string url =
      settings.proxy ? *settings.proxy : environment({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}, &name);
  if (!settings.proxy) proxy.place_ = "the environment's " + name;
  proxy.no_proxy_ = settings.no_proxy ? *settings.no_proxy : environment({"no_proxy", "NO_PROXY"});
  if (url.empty()) return proxy;
  if (url.find("://") == std::string::npos) url = "http://" + url;
  proxy.host_ = host_of(url);
  proxy.url_ = std::move(url);
  if (proxy.is_http()) proxy.take_credentials();
  return proxy;
}

void Proxy::take_credentials() {
  const auto begin = url_.find("://") + 3;
  const auto at = url_.rfind('@', std::min(url_.find_first_of("/?#", begin), url_.size()));
  if (at == std::string::npos || at < begin) return;
  if (const auto user = percent_decode(std::string_view(url_).substr(begin, at - begin), false))
    credentials_ = Secret(*user);
  url_.erase(begin, at + 1 - begin);
}

bool Proxy::equals(const Proxy &other) const {
  return url_ == other.url_ && no_proxy_ == other.no_proxy_ && credentials_.equals(other.credentials_);
}

bool Proxy::serves(std::string_view url) const {
  return is_set() && !is_direct(no_proxy_, without_port(host_of(url)));
}

bool Proxy::speaks_tls() const {
  return to_lower(url_).starts_with("https://");
}

bool Proxy::is_http() const {
  return speaks_tls() || to_lower(url_).starts_with("http://");
}

}  // namespace cordon::http

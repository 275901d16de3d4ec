#pragma once

#include <string>
#include <string_view>

#include "base/secure.hpp"
#include "http/settings.hpp"

namespace cordon::http {

/// True when `host` (a name, or an IP without brackets) stands in a list of hosts to reach directly: names with
/// everything below them, addresses, networks ("10.0.0.0/8"), or "*" for all; separated by commas or blanks.
bool is_direct(std::string_view no_proxy, std::string_view host);

/// The proxy of a client. The environment is read once, for the host may change it meanwhile on another thread.
class Proxy {
 public:
  /// As `settings` say, and as https_proxy, all_proxy and no_proxy where they leave it to the environment.
  static Proxy of(const Settings &settings);

  /// Leads the same requests the same way.
  bool equals(const Proxy &other) const;
  bool is_set() const { return !url_.empty(); }
  /// Requests to this URL go through it.
  bool serves(std::string_view url) const;
  /// As libcurl takes it; an HTTP proxy's without user and password.
  const std::string &url() const { return url_; }
  const std::string &host() const { return host_; }  ///< with the port, for messages
  bool speaks_tls() const;
  bool is_http() const;  ///< an HTTP proxy, by TLS or not
  /// Where it is named: "http.proxy" or "the environment's https_proxy".
  const std::string &place() const { return place_; }
  const std::string &no_proxy() const { return no_proxy_; }
  /// user:password of an environment's URL; empty: none.
  const Secret &credentials() const { return credentials_; }

 private:
  void take_credentials();

  std::string url_;
  std::string host_;
  std::string place_ = "http.proxy";
  std::string no_proxy_;
  Secret credentials_;
};

}  // namespace cordon::http

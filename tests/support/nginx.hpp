#pragma once

#include <string>

#include "support/server_process.hpp"
#include "support/tls_server.hpp"

namespace cordon::test {

/// nginx on loopback, speaking HTTP/2 over TLS, in front of a server that gets each request by HTTP/1.1, once, with the
/// front's protocol and connection number in the header X-Front. Killed with this object; whether it came up is for
/// is_up() to say.
class Nginx {
 public:
  static bool is_installed();

  /// `backend` e.g. "http://127.0.0.1:8080"; after `keepalive_requests` on a connection it sends that away. `port` 0: a
  /// free one. `more`: further directives of the server. Returns when it serves or has failed to.
  Nginx(const Identity &identity, const std::string &backend, int keepalive_requests = 1000, int port = 0,
        const std::string &more = "");

  int port() const { return port_; }
  std::string url() const { return origin() + "/"; }
  std::string origin() const { return "https://localhost:" + std::to_string(port_); }
  bool is_up() const { return answers(port_); }

 private:
  ServerProcess process_;
  int port_;
};

}  // namespace cordon::test

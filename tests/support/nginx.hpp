#pragma once

#include <sys/types.h>

#include <string>

#include "support/tls_server.hpp"

namespace cordon::test {

/// nginx on loopback, speaking HTTP/2 over TLS, in front of a server that gets each request by HTTP/1.1, once, with the
/// front's protocol and connection number in the header X-Front. Killed with this object; whether it came up is for
/// is_up() to say.
class Nginx {
 public:
  static bool is_installed();

  /// `backend` e.g. "http://127.0.0.1:8080"; after `keepalive_requests` on a connection it sends that away. `port` 0: a
  /// free one. Returns when it serves or has failed to.
  Nginx(const Identity &identity, const std::string &backend, int keepalive_requests = 1000, int port = 0);
  ~Nginx();
  Nginx(const Nginx &) = delete;
  Nginx &operator=(const Nginx &) = delete;

  int port() const { return port_; }
  std::string url() const { return "https://localhost:" + std::to_string(port_) + "/"; }
  std::string origin() const { return "https://localhost:" + std::to_string(port_); }
  bool is_up() const;

 private:
  bool has_died() const;

  std::string directory_;
  int port_;
  pid_t pid_ = -1;
};

}  // namespace cordon::test

#pragma once

#include <string>

#include "support/server_process.hpp"
#include "support/tls_server.hpp"

namespace cordon::test {

/// squid on loopback, which lets signed-in users CONNECT wherever they want. Ended with this object.
class Squid {
 public:
  enum class Auth { Basic, Digest, None };
  struct Setup {
    Auth auth = Auth::Basic;
    std::string user = "worker";
    std::string password = "correct horse battery";
    std::string upstream_ca{};  ///< file; whom it trusts where it opens TLS
    std::string client_ca{};    ///< file; over TLS it wants a certificate of this CA
  };

  /// With TLS of its own, and able to open others' (the package squid-openssl).
  static bool is_installed();

  /// `identity`: what it shows as a proxy over TLS, and in the server's place where it opens TLS.
  Squid(const Identity &identity, const Setup &setup);

  bool is_up() const { return port_ != 0 && !process_.has_died() && answers(port_); }
  std::string host() const { return "localhost:" + std::to_string(port_); }
  std::string tls_host() const { return "localhost:" + std::to_string(tls_port_); }
  std::string url() const { return "http://" + host(); }
  std::string tls_url() const { return "https://" + tls_host(); }
  std::string inspecting_url() const { return "http://localhost:" + std::to_string(inspecting_port_); }
  /// Lines of its access log that hold `part`; a tunnel is written down when it is closed.
  int count(const std::string &part) const;
  /// Until there is such a line.
  void wait_for(const std::string &part) const;

 private:
  ServerProcess process_;
  int port_ = 0, tls_port_ = 0, inspecting_port_ = 0;
};

}  // namespace cordon::test

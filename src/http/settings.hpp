#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon::http {

/// Reads a named secret of the vault; opened per use, so that a changed vault is noticed.
using SecretReader = std::function<Result<Secret>(const std::string &name)>;

/// How servers are reached and trusted. Certificates are always verified; nothing here can change that.
struct Settings {
  Settings() = default;
  bool operator==(const Settings &) const = default;

  std::string ca_file;     ///< PEM; trusted instead of the system's CAs
  std::string ca_dir;      ///< directory of PEM files, likewise
  bool system_ca = false;  ///< trust the system's CAs beside ca_file and ca_dir; without both they always are

  std::optional<std::string> proxy;     ///< URL; "": none; nullopt: as the environment says (https_proxy, all_proxy)
  std::optional<std::string> no_proxy;  ///< hosts reached directly; nullopt: as the environment says (no_proxy)
  std::string proxy_secret_name;        ///< secret with user:password; empty: none
  bool proxy_digest = false;            ///< sign in at the proxy by Digest instead of Basic

  std::string client_certificate_file;         ///< PEM or PFX, shown to a proxy or gateway that asks; empty: none
  std::string client_certificate_secret_name;  ///< the same from the vault; at most one of both
  std::string client_key_file;                 ///< PEM of its key; empty: it is with the certificate
  std::string client_key_password_secret_name;

  std::string user_agent = "cordon";
  nanoseconds connect_timeout{std::chrono::seconds(10)};    ///< name resolution, TCP, proxy and TLS together
  nanoseconds exchange_timeout{std::chrono::seconds(120)};  ///< for one attempt as a whole, when no deadline is nearer
};

}  // namespace cordon::http

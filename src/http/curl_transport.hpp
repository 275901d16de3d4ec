#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "http/transport.hpp"
#include "loop/curl_loop.hpp"

namespace cordon::http {

/// How servers are reached and trusted. Certificates are always verified.
struct Settings {
  Settings() = default;

  std::string ca_file;               ///< PEM; trusted instead of the system's CAs; empty: the system's
  std::optional<std::string> proxy;  ///< URL; "": none; nullopt: as the environment says (https_proxy, no_proxy)
  std::string user_agent = "cordon";
  nanoseconds connect_timeout{std::chrono::seconds(10)};    ///< name resolution, TCP, proxy and TLS together
  nanoseconds exchange_timeout{std::chrono::seconds(120)};  ///< for one attempt as a whole, when no deadline is nearer
};

/// Transport over libcurl: TLS 1.2 or later, HTTP/2 where the server offers it, connections and TLS sessions shared by
/// all requests of the loop. No redirects, no Expect, no credentials of the environment.
class CurlTransport final : public Transport {
 public:
  /// `loop` outlives this object and every task of send(); a task may outlive this object.
  CurlTransport(loop::CurlLoop &loop, Settings settings);
  ~CurlTransport() override;

  loop::Task<Exchange> send(const Request &request, loop::Scope &scope) override;

 private:
  loop::CurlLoop &loop_;
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<class HandlePool> pool_;
};

}  // namespace cordon::http

#pragma once

#include <memory>

#include "http/proxy.hpp"
#include "http/settings.hpp"
#include "http/transport.hpp"
#include "loop/curl_loop.hpp"

namespace cordon::http {

/// Transport over libcurl: TLS 1.2 or later, HTTP/2 where the server offers it, connections and TLS sessions shared by
/// all requests of the loop. No redirects, no Expect. The environment is read at construction, for its proxy alone.
class CurlTransport final : public Transport {
 public:
  /// `loop` outlives this object and every task of send(); a task may outlive this object. `read_secret` is called on
  /// the loop, by such a task too; without it there are no secrets.
  CurlTransport(loop::CurlLoop &loop, const Settings &settings, SecretReader read_secret = {});
  ~CurlTransport() override;

  loop::Task<Exchange> send(const Request &request, loop::Scope &scope) override;
  /// From now on requests are sent by these settings and their proxy (made where the environment may be read), those
  /// under way end as they began. Files are read anew; when they or the settings differ, new connections are made.
  /// Nothing changes when files can't be used (errors as TlsMaterial::load). A locked vault is no error: what it holds
  /// is read at the first need. [loop]
  Result<void> use(Settings settings, Proxy proxy);
  /// The proxy in use. [loop]; valid until use()
  const Proxy &proxy() const;

 private:
  struct Network;

  loop::CurlLoop &loop_;
  SecretReader read_secret_;
  std::shared_ptr<Network> network_;
  std::shared_ptr<class HandlePool> pool_;
};

}  // namespace cordon::http

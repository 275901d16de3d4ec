#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/handle_pool.hpp"
#include "http/handshake.hpp"
#include "http/header_list.hpp"
#include "http/proxy.hpp"
#include "http/proxy_sign_in.hpp"
#include "http/settings.hpp"
#include "http/transport.hpp"
#include "loop/scope.hpp"
#include "loop/sockets.hpp"

namespace cordon::http {

constexpr long kProxyWantsSignIn = 407;

/// How one request reaches its server.
struct Way {
  explicit Way(const Settings &settings_) : settings(settings_) {}
  const Settings &settings;                     ///< borrowed
  std::shared_ptr<const TlsMaterial> material;  ///< nullptr: no TLS
  const Proxy *proxy = nullptr;                 ///< borrowed; nullptr: directly
  std::shared_ptr<ProxySignIn::Turn> sign_in;   ///< nullptr: without
};

/// One request as libcurl sees it: a configured handle, the callbacks that collect the answer, and what they noticed.
/// Stays where it is while the handle is in the loop.
class Transfer {
 public:
  /// `way`, `request`, `scope` and `sockets` (of the loop that it will run in) outlive it.
  Transfer(std::shared_ptr<HandlePool> pool, const Way &way, const Request &request, const loop::Scope &scope,
           loop::Sockets &sockets);
  ~Transfer();
  Transfer(const Transfer &) = delete;
  Transfer &operator=(const Transfer &) = delete;

  CURL *easy() const noexcept { return easy_; }
  const Way &way() const noexcept { return way_; }
  const Settings &settings() const noexcept { return way_.settings; }
  /// The last TLS handshake it began, or that of the connection it was sent on; nullptr without either.
  const Handshake *handshake() const noexcept { return handshakes_.empty() ? nullptr : handshakes_.back().get(); }
  /// That handshake was with the proxy, not with the server.
  bool at_proxy() const;
  long proxy_status() const;  ///< what the proxy answered to CONNECT; 0: nothing
  long proxy_offers() const;  ///< the ways to sign in that it named, as CURLAUTH_*
  const Request &request() const noexcept { return request_; }
  /// A connection was ready and the request handed to it: from now on bytes of it may have left.
  bool sent() const noexcept { return attempts_ > 0; }
  /// It ended because the scope's time had passed when the request was about to leave.
  bool came_too_late() const noexcept { return too_late_; }
  /// It ended because the server had closed the connection chosen for it already; it may run again.
  bool found_dead_connection() const noexcept {
    return dead_connection_ && (attempts_ == 0 || request_.method == Method::Get);
  }
  /// Prepares the handle for another run, on a connection of its own.
  void use_new_connection();
  bool too_long() const noexcept { return too_long_; }
  bool out_of_memory() const noexcept { return out_of_memory_; }
  /// libcurl's own words about a failure; may hold text of the server.
  std::string_view reason() const noexcept { return reason_; }
  /// The answer of a transfer that ended well.
  Response take_response();

 private:
  void set_peer_options();
  void set_tls_options();
  void set_proxy_options();
  void set_body_options();
  void set_callbacks();
  bool allow_attempt(int local_port);
  bool keep_header(std::string_view line);
  bool keep_body(std::string_view bytes);
  void secure(void *context);
  void explain_refusal();
  void note_reused_connection();
  static CURLcode on_context(CURL *easy, void *context, void *self);
  static int on_attempt(void *self, char *peer_ip, char *local_ip, int peer_port, int local_port);
  static std::size_t on_header(char *bytes, std::size_t size, std::size_t count, void *self);
  static std::size_t on_body(char *bytes, std::size_t size, std::size_t count, void *self);

  std::shared_ptr<HandlePool> pool_;
  const Way &way_;
  const Request &request_;
  const loop::Scope &scope_;
  loop::Sockets &sockets_;
  CURL *easy_;
  HeaderList headers_;
  curl_slist proxy_header_{};
  std::vector<std::shared_ptr<const Handshake>> handshakes_;
  Response response_;
  int attempts_ = 0;
  bool too_late_ = false;
  bool dead_connection_ = false;
  bool too_long_ = false;
  bool out_of_memory_ = false;
  char reason_[CURL_ERROR_SIZE] = {};
};

}  // namespace cordon::http

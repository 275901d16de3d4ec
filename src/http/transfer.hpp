#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>

#include "http/curl_transport.hpp"
#include "http/handle_pool.hpp"
#include "http/header_list.hpp"
#include "http/transport.hpp"
#include "loop/sockets.hpp"

namespace cordon::http {

/// One request as libcurl sees it: a configured handle, the callbacks that collect the answer, and what they noticed.
/// Stays where it is while the handle is in the loop.
class Transfer {
 public:
  /// `settings`, `request` and `sockets` (of the loop that it will run in) outlive it.
  Transfer(std::shared_ptr<HandlePool> pool, const Settings &settings, const Request &request, loop::Sockets &sockets);
  ~Transfer();
  Transfer(const Transfer &) = delete;
  Transfer &operator=(const Transfer &) = delete;

  CURL *easy() const noexcept { return easy_; }
  const Settings &settings() const noexcept { return settings_; }
  const Request &request() const noexcept { return request_; }
  /// A connection was ready and the request handed to it: from now on bytes of it may have left.
  bool sent() const noexcept { return attempts_ > 0; }
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
  void set_body_options();
  void set_callbacks();
  bool allow_attempt(int local_port);
  bool keep_header(std::string_view line);
  bool keep_body(std::string_view bytes);
  static int on_attempt(void *self, char *peer_ip, char *local_ip, int peer_port, int local_port);
  static std::size_t on_header(char *bytes, std::size_t size, std::size_t count, void *self);
  static std::size_t on_body(char *bytes, std::size_t size, std::size_t count, void *self);

  std::shared_ptr<HandlePool> pool_;
  const Settings &settings_;
  const Request &request_;
  loop::Sockets &sockets_;
  CURL *easy_;
  HeaderList headers_;
  Response response_;
  int attempts_ = 0;
  bool dead_connection_ = false;
  bool too_long_ = false;
  bool out_of_memory_ = false;
  char reason_[CURL_ERROR_SIZE] = {};
};

}  // namespace cordon::http

#pragma once

#include <curl/curl.h>

#include <set>

namespace cordon::loop {

/// The sockets of a loop's connections, opened close-on-exec. libcurl 7.88 takes an idle connection that the server has
/// closed for a live one; whoever must not write to such a connection asks here first. [loop]
class Sockets {
 public:
  /// Has the handle open and close its sockets here. This object must outlive the connections.
  void open_for(CURL *easy);
  /// True when the server has closed the connection that has this local port.
  bool closed_by_peer(int local_port) const;

 private:
  static curl_socket_t on_open(void *self, curlsocktype purpose, curl_sockaddr *address);
  static int on_close(void *self, curl_socket_t fd);

  /// May hold a number that is not ours any more: libcurl 7.88 closes a socket that was still connecting without
  /// calling on_close().
  std::set<curl_socket_t> sockets_;
};

}  // namespace cordon::loop

#include "loop/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace cordon::loop {
namespace {

/// 0 for what has none.
int local_port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in &>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6 &>(address).sin6_port);
  return 0;
}

/// For how long the peer may leave bytes without a sign that they have arrived. Shorter than the service has to answer
/// a request, so that its bytes have either arrived by then or never do.
constexpr unsigned kUnacknowledgedMs = 20'000;

/// What was given up must not reach the service later: by itself the kernel goes on for minutes to deliver what a
/// closed socket, or that of a process that is dead, still holds.
void drop_bytes_at_close(int fd) {
  const linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
}

bool has_hung_up(int fd) {
  pollfd peer{fd, POLLRDHUP, 0};
  return poll(&peer, 1, 0) == 1;
}

}  // namespace

void Sockets::open_for(CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Sockets::on_open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, static_cast<void *>(this));
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Sockets::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void *>(this));
}

bool Sockets::closed_by_peer(int local_port) const {
  // Two connections to different servers may share a port; then the other one costs a needless new connection.
  return std::any_of(sockets_.begin(), sockets_.end(),
                     [local_port](curl_socket_t fd) { return local_port_of(fd) == local_port && has_hung_up(fd); });
}

curl_socket_t Sockets::on_open(void *self, curlsocktype, curl_sockaddr *address) {
  const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  drop_bytes_at_close(fd);
  try {
    static_cast<Sockets *>(self)->sockets_.insert(fd);
  } catch (...) {  // out of memory; no exception may cross libcurl
    close(fd);
    return CURL_SOCKET_BAD;
  }
  return fd;
}

int Sockets::on_close(void *self, curl_socket_t fd) {
  static_cast<Sockets *>(self)->sockets_.erase(fd);
  return close(fd);
}

}  // namespace cordon::loop

#include "faults/byte_proxy.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "support/loopback.hpp"

namespace cordon::test {
namespace {

void pass_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void reset(int fd) {
  const linger abort{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  close(fd);
}

/// The peer reads as fast as it can: both ends are on this machine.
bool send_all(int fd, const char *bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

/// One client's connection and its counterpart to the server.
struct ByteProxy::Pair {
  Pair(int client_fd, int server_fd) : client(client_fd), server(server_fd) {}
  int client;
  int server;
  bool stalled = false;
  bool doomed = false;
};

ByteProxy::ByteProxy(int upstream_port) : upstream_port_(upstream_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto *generic = reinterpret_cast<sockaddr *>(&address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 128) != 0 ||
      getsockname(listener_, generic, &size) != 0 || pipe2(bell_, O_CLOEXEC | O_NONBLOCK) != 0)
    throw std::runtime_error("the proxy can't listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

ByteProxy::~ByteProxy() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake();
  thread_.join();
  for (const Pair &pair : pairs_) {
    close(pair.client);
    close(pair.server);
  }
  for (const int fd : {listener_, bell_[0], bell_[1]}) close(fd);
}

void ByteProxy::wake() {
  (void)!write(bell_[1], "w", 1);
}

void ByteProxy::arm(Strike strike) {
  const std::lock_guard lock(mutex_);
  armed_ = strike;
  struck_ = false;
  traffic_ = {0, 0};
}

void ByteProxy::disarm() {
  const std::lock_guard lock(mutex_);
  armed_.reset();
  struck_ = false;
  traffic_ = {0, 0};
}

bool ByteProxy::has_struck() const {
  const std::lock_guard lock(mutex_);
  return struck_;
}

ByteProxy::Traffic ByteProxy::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

int ByteProxy::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_;
}

void ByteProxy::release() {
  const std::lock_guard lock(mutex_);
  for (Pair &pair : pairs_) pair.stalled = false;
  wake();
}

void ByteProxy::doom_all() {
  const std::lock_guard lock(mutex_);
  for (Pair &pair : pairs_) pair.doomed = true;
}

void ByteProxy::cut_all() {
  const std::lock_guard lock(mutex_);
  for (const Pair &pair : pairs_) {
    reset(pair.client);
    reset(pair.server);
  }
  pairs_.clear();
  wake();
}

void ByteProxy::run() {
  for (;;) {
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}, {bell_[0], POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      for (const Pair &pair : pairs_) {
        if (pair.stalled) continue;
        waiting.push_back({pair.client, POLLIN, 0});
        waiting.push_back({pair.server, POLLIN, 0});
      }
    }
    poll(waiting.data(), waiting.size(), -1);
    char ignored[64];
    while (read(bell_[0], ignored, sizeof ignored) > 0) {
    }
    const std::lock_guard lock(mutex_);
    if (ending_) return;
    if (waiting[0].revents != 0) accept_one();
    // Each is asked anew whether it has bytes: between poll and lock a descriptor may have become another one's.
    std::erase_if(pairs_, [this](Pair &pair) {
      return !pair.stalled && (!pump(pair, Direction::Request) || (!pair.stalled && !pump(pair, Direction::Answer)));
    });
  }
}

void ByteProxy::accept_one() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(upstream_port_);
  if (connect(server, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0) {
    close(server);
    reset(client);
    return;
  }
  pass_at_once(client);
  pass_at_once(server);
  pairs_.emplace_back(client, server);
  ++connections_;
}

/// Passes on what is there. False: the pair is closed and done with.
bool ByteProxy::pump(Pair &pair, Direction direction) {
  const bool is_request = direction == Direction::Request;
  const int from = is_request ? pair.client : pair.server, to = is_request ? pair.server : pair.client;
  std::size_t &passed = is_request ? traffic_.request : traffic_.answer;
  const bool counts = armed_ && armed_->direction == direction;
  char bytes[16384];
  if (is_request && pair.doomed && recv(from, bytes, 1, MSG_DONTWAIT | MSG_PEEK) == 1) return end(pair, Deed::Reset);
  std::size_t most = sizeof bytes;
  if (counts) most = std::min(most, armed_->offset > passed ? armed_->offset - passed : 1);
  const ssize_t got = recv(from, bytes, most, MSG_DONTWAIT | (counts && passed >= armed_->offset ? MSG_PEEK : 0));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) {
    close(pair.client);
    close(pair.server);
    return false;
  }
  if (counts && passed >= armed_->offset) return strike(pair, armed_->deed);
  if (!send_all(to, bytes, static_cast<std::size_t>(got))) {
    close(pair.client);
    close(pair.server);
    return false;
  }
  passed += static_cast<std::size_t>(got);
  // A request that has passed as a whole has no next byte that could be waited for.
  if (counts && passed >= armed_->offset) return strike(pair, armed_->deed);
  return true;
}

bool ByteProxy::strike(Pair &pair, Deed deed) {
  armed_.reset();
  struck_ = true;
  if (deed != Deed::Stall) return end(pair, deed);
  pair.stalled = true;
  return true;
}

/// The server sees an orderly end, so that whatever has reached it is worked on.
bool ByteProxy::end(Pair &pair, Deed deed) {
  if (deed == Deed::Reset)
    reset(pair.client);
  else
    close(pair.client);
  close(pair.server);
  return false;
}

}  // namespace cordon::test

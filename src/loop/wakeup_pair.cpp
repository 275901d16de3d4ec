#include "loop/wakeup_pair.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cordon::loop {
namespace {

constexpr int kRings = 3;

int option(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

int bytes(int fd, unsigned long which) {
  int count = -1;
  return ioctl(fd, which, &count) == 0 ? count : -1;
}

/// A descriptor that may be an end of the pair, and whether it has behaved as one after every ring.
class Suspect {
 public:
  explicit Suspect(int fd) : fd_(fd) {
    const int flags = fcntl(fd, F_GETFD);
    const bool similar = flags >= 0 && (flags & FD_CLOEXEC) == 0 && option(fd, SO_DOMAIN) == AF_UNIX &&
                         option(fd, SO_TYPE) == SOCK_STREAM;
    reads_ = similar && bytes(fd, FIONREAD) == 0;
    writes_ = similar && bytes(fd, SIOCOUTQ) == 0;
  }
  void rung(int times) {
    reads_ = reads_ && bytes(fd_, FIONREAD) == times;
    const int unread = bytes(fd_, SIOCOUTQ);
    writes_ = writes_ && unread > unread_;
    unread_ = unread;
  }
  void silenced() {
    reads_ = reads_ && bytes(fd_, FIONREAD) == 0;
    writes_ = writes_ && bytes(fd_, SIOCOUTQ) == 0;
  }
  void close_on_exec() const {
    if (reads_ || writes_) fcntl(fd_, F_SETFD, FD_CLOEXEC);
  }

 private:
  int fd_;
  bool reads_ = false;
  bool writes_ = false;
  int unread_ = 0;
};

}  // namespace

int lowest_free_descriptor() noexcept {
  const int fd = open("/", O_PATH | O_CLOEXEC);
  if (fd >= 0) close(fd);
  return fd;
}

void close_wakeup_pair_on_exec(CURLM *multi, int first) noexcept {
  // Without other threads these two are the pair.
  constexpr int kMost = 16;
  const int end = lowest_free_descriptor();
  if (first < 0 || end - first > kMost) return;
  for (int fd = first; fd < end; ++fd) {
    Suspect suspect(fd);
    for (int i = 1; i <= kRings; ++i) {
      curl_multi_wakeup(multi);
      suspect.rung(i);
    }
    curl_multi_poll(multi, nullptr, 0, 0, nullptr);
    suspect.silenced();
    suspect.close_on_exec();
  }
}

}  // namespace cordon::loop

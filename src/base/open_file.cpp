#include "base/open_file.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

namespace cordon {
namespace {

constexpr int kFirstOrdinary = STDERR_FILENO + 1;
/// So often a file is gone and there again, as others make and remove it.
constexpr int kTries = 8;

// Which standard descriptors are occupied, for all who want them to be at the moment.
std::mutex g_mutex;
std::atomic<int> g_holders{0};
std::array<bool, kFirstOrdinary> g_held{};

/// In one system call, for it is asked several times in every call of a host's.
bool all_standard_are_open() noexcept {
  std::array<pollfd, kFirstOrdinary> all{{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}};
  if (::poll(all.data(), all.size(), 0) < 0) return false;
  return std::none_of(all.begin(), all.end(), [](const pollfd &one) { return (one.revents & POLLNVAL) != 0; });
}

int make_file(const char *path, int flags, mode_t mode) noexcept {
  const int fd = ::open(path, flags | O_CREAT | O_EXCL, mode);
  if (fd < 0) return -1;
  if (::fchmod(fd, mode) == 0) return fd;
  const int error = errno;
  ::unlink(path);
  ::close(fd);
  errno = error;
  return -1;
}

int open_or_make(const char *path, int flags, mode_t mode) noexcept {
  if ((flags & O_EXCL) != 0) return make_file(path, flags, mode);
  for (int i = 0; i < kTries; ++i) {
    int fd = ::open(path, flags & ~O_CREAT);
    if (fd < 0 && errno == ENOENT) fd = make_file(path, flags, mode);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return ::open(path, flags, mode);  // a link to a file that is not there
}

}  // namespace

int open_file(const std::string &path, int flags, mode_t mode) noexcept {
  const StandardDescriptorsHeld held;
  flags |= O_CLOEXEC;
  return (flags & O_CREAT) != 0 ? open_or_make(path.c_str(), flags, mode) : ::open(path.c_str(), flags);
}

bool make_private_directory(const std::string &path) noexcept {
  struct stat made {};
  if (::mkdir(path.c_str(), 0700) != 0 || ::stat(path.c_str(), &made) != 0) return false;
  // What it inherits stays: on a volume with a group of its own, files belong to that group.
  return (made.st_mode & ACCESSPERMS) == S_IRWXU || ::chmod(path.c_str(), (made.st_mode & S_ISGID) | S_IRWXU) == 0;
}

StandardDescriptorsHeld::StandardDescriptorsHeld() noexcept {
  if (g_holders == 0 && all_standard_are_open()) return;
  const std::lock_guard lock(g_mutex);
  counted_ = true;
  ++g_holders;
  for (int fd = 0; fd < kFirstOrdinary; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    const int got = ::open("/", O_PATH | O_CLOEXEC);
    if (got >= kFirstOrdinary) ::close(got);  // the host has opened it meanwhile
    if (got < 0 || got >= kFirstOrdinary) return;
    g_held.at(static_cast<std::size_t>(got)) = true;
  }
}

StandardDescriptorsHeld::~StandardDescriptorsHeld() {
  if (!counted_) return;
  const int error = errno;
  const std::lock_guard lock(g_mutex);
  for (int fd = 0; g_holders == 1 && fd < kFirstOrdinary; ++fd) {
    const bool ours = std::exchange(g_held.at(static_cast<std::size_t>(fd)), false);
    if (!ours) continue;
    const int flags = ::fcntl(fd, F_GETFL);  // the host may have put something else there
    if (flags >= 0 && (flags & O_PATH) != 0) ::close(fd);
  }
  --g_holders;  // not before: who finds none takes what is open for the host's
  errno = error;
}

}  // namespace cordon

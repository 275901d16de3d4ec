#include "vault/key_helper.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "vault/descriptor.hpp"
#include "vault/key_file.hpp"

namespace cordon::vault {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr int kTickMs = 10;

struct Pipe {
  Descriptor read_end, write_end;
};

/// Both ends above the standard descriptors, which the host may have closed.
std::optional<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const Pipe low{Descriptor(ends[0]), Descriptor(ends[1])};
  Pipe made{Descriptor(fcntl(ends[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 1)),
            Descriptor(fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1))};
  if (!made.read_end || !made.write_end || fcntl(made.read_end.get(), F_SETFL, O_NONBLOCK) != 0) return std::nullopt;
  return made;
}

/// The child's state, built before it exists: posix_spawn runs neither fork handlers nor anything else of this process.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions_, "/");
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan &) = delete;
  SpawnPlan &operator=(const SpawnPlan &) = delete;

  /// 0, or an errno.
  int spawn(const std::vector<std::string> &argv, pid_t &pid) const {
    std::vector<char *> words;
    for (const std::string &word : argv) words.push_back(const_cast<char *>(word.c_str()));
    words.push_back(nullptr);
    char *environment[] = {nullptr};
    return posix_spawn(&pid, words[0], &actions_, &attributes_, words.data(), environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

/// The running helper. Reaped when it goes, killed before if it still runs.
class Helper {
 public:
  Helper(pid_t pid, Descriptor output) : pid_(pid), output_(std::move(output)) {}
  ~Helper() {
    if (ended_) return;
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);  // it may not have its own group yet
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Helper(const Helper &) = delete;
  Helper &operator=(const Helper &) = delete;

  /// Reads what it prints until it has ended; false when the deadline came first. `printed` keeps at most its size.
  bool read_to_end(Secret &printed, std::size_t &size, SteadyClock::time_point deadline) {
    bool open = true;
    while (true) {
      const bool last = look_whether_ended();  // before reading, so that nothing it wrote is missed
      if (open) open = drain(printed, size);
      if (last) return true;
      if (SteadyClock::now() >= deadline) return false;
      pollfd ready{open ? output_.get() : -1, POLLIN, 0};
      poll(&ready, 1, kTickMs);
    }
  }
  /// Known unless the host reaped it first.
  std::optional<int> exit_status() const { return status_; }

 private:
  bool look_whether_ended() {
    if (ended_) return true;
    int status = 0;
    const pid_t found = waitpid(pid_, &status, WNOHANG);
    if (found == pid_) status_ = status;
    ended_ = found == pid_ || (found < 0 && errno == ECHILD);
    return ended_;
  }
  /// False at the end of the output.
  bool drain(Secret &printed, std::size_t &size) {
    char beyond = 0;
    while (true) {
      const bool full = size == printed.size();
      const ssize_t n = ::read(output_.get(), full ? &beyond : printed.data() + size, full ? 1 : printed.size() - size);
      if (n > 0 && !full) size += static_cast<std::size_t>(n);
      if (n == 0) return false;
      if (n < 0 && errno != EINTR) return true;
    }
  }

  const pid_t pid_;
  Descriptor output_;
  bool ended_ = false;
  std::optional<int> status_;
};

tl::unexpected<Error> locked(const std::string &where, std::string_view why) {
  return fail(Status::VaultLocked, fmt::format("{} {}", where, why));
}

Result<void> check_program(const std::string &path, const std::string &where) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return locked(where, fmt::format("can't be run: {}", std::strerror(errno)));
  if ((found.st_mode & 022) != 0 || (found.st_uid != 0 && found.st_uid != geteuid()))
    return fail(Status::VaultPermissions,
                fmt::format("{} can be changed by others (owner {}, mode {:04o}); it must belong to root or to user "
                            "{} and be writable by nobody else",
                            where, found.st_uid, found.st_mode & 07777, geteuid()));
  return {};
}

std::string how_it_failed(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}; run it by hand to see why", WTERMSIG(status));
  return fmt::format("failed with exit code {}; run it by hand, with an empty environment, to see why",
                     WEXITSTATUS(status));
}

}  // namespace

Result<Secret> key_from_helper(const std::vector<std::string> &argv, milliseconds limit) {
  const std::string where = fmt::format("the vault's key helper {}", argv.at(0));
  if (auto checked = check_program(argv[0], where); !checked) return fail(std::move(checked.error()));
  auto pipe = make_pipe();
  if (!pipe) return locked(where, fmt::format("can't be run: {}", std::strerror(errno)));
  const auto deadline = SteadyClock::now() + limit;
  pid_t pid = 0;
  if (const int error = SpawnPlan(pipe->write_end.get()).spawn(argv, pid); error != 0)
    return locked(where, fmt::format("can't be run: {}", std::strerror(error)));
  Helper helper(pid, std::move(pipe->read_end));
  pipe->write_end = Descriptor();  // or its end of the output would never come

  Secret printed = Secret::zeros(kKeyReadSize);
  std::size_t size = 0;
  if (!helper.read_to_end(printed, size, deadline))
    return locked(
        where, fmt::format("did not end within {} ms and was killed; see to it, or raise timeout_ms", limit.count()));
  if (helper.exit_status().value_or(0) != 0) return locked(where, how_it_failed(*helper.exit_status()));
  printed.resize(size);
  return parse_key(printed.reveal(), where);
}

}  // namespace cordon::vault

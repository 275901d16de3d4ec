#include "base/helper_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/open_file.hpp"
#include "base/system_reason.hpp"

namespace cordon {
namespace {

constexpr std::chrono::milliseconds kLookAgain(20);

/// What posix_spawn is told: an empty signal mask, default handlers, a session of its own, no descriptor of ours.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output_end) {
    posix_spawnattr_init(&attributes_);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | static_cast<short>(POSIX_SPAWN_SETSID));
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, output_end, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions_, "/");
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan &) = delete;
  SpawnPlan &operator=(const SpawnPlan &) = delete;

  int spawn(pid_t &pid, const std::vector<std::string> &argv) {
    std::vector<char *> arguments;
    arguments.reserve(argv.size() + 1);
    for (const std::string &argument : argv) arguments.push_back(const_cast<char *>(argument.c_str()));
    arguments.push_back(nullptr);
    char *environment[] = {nullptr};
    return posix_spawn(&pid, argv.front().c_str(), &actions_, &attributes_, arguments.data(), environment);
  }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

/// Both ends above the standard descriptors, which the host may have closed; the first does not block.
bool make_pipe(int (&ends)[2]) {
  const StandardDescriptorsHeld held;
  return pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

int open_process(pid_t pid) {
  const StandardDescriptorsHeld held;
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

}  // namespace

HelperProcess::HelperProcess(std::string program, pid_t pid, int process, int output_end)
    : program_(std::move(program)), pid_(pid), process_(process), output_end_(output_end) {
  output_.reserve(kMaxOutput);
}

HelperProcess::HelperProcess(HelperProcess &&other) noexcept
    : program_(std::move(other.program_)),
      pid_(other.pid_),
      process_(std::exchange(other.process_, -1)),
      output_end_(std::exchange(other.output_end_, -1)),
      reaped_(std::exchange(other.reaped_, true)),
      output_(std::move(other.output_)) {}

HelperProcess::~HelperProcess() {
  if (!reaped_) kill_session();
  if (output_end_ >= 0) close(output_end_);
  if (process_ >= 0) close(process_);
}

Result<HelperProcess> HelperProcess::start(const std::vector<std::string> &argv) {
  if (argv.empty() || !argv.front().starts_with('/'))
    return fail(Status::InvalidArgument, "the helper must be given by its absolute path");
  int ends[2];
  if (!make_pipe(ends))
    return fail(Status::InvalidState,
                fmt::format("the helper {}: no pipe to read it by: {}", argv.front(), system_reason(errno)));
  pid_t pid = -1;
  const int failure = SpawnPlan(ends[1]).spawn(pid, argv);
  close(ends[1]);
  if (failure != 0) {
    close(ends[0]);
    return fail(Status::InvalidState,
                fmt::format("the helper {} can't be started: {}; check that the file is there and may be executed",
                            argv.front(), system_reason(failure)));
  }
  return HelperProcess(argv.front(), pid, open_process(pid), ends[0]);
}

Result<Secret> HelperProcess::run(const std::vector<std::string> &argv, std::chrono::milliseconds limit) {
  auto helper = start(argv);
  if (!helper) return fail(std::move(helper.error()));
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto done = helper->advance();
    if (!done) return fail(std::move(done.error()));
    if (*done) return helper->take_output();
    if (std::chrono::steady_clock::now() >= deadline) return fail(helper->timed_out(limit));
    pollfd output{helper->output_end_, POLLIN, 0};
    poll(&output, 1, static_cast<int>(kLookAgain.count()));
  }
}

Result<bool> HelperProcess::advance() {
  auto ended = reap();  // before reading, so that nothing it wrote is missed
  read_output();
  return ended;
}

void HelperProcess::read_output() {
  Secret chunk = Secret::zeros(4096);
  while (output_end_ >= 0) {
    const ssize_t got = read(output_end_, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) {
      close(std::exchange(output_end_, -1));
      return;
    }
    const auto size = std::min(static_cast<std::size_t>(got), kMaxOutput - output_.size());
    output_.append(chunk.reveal().substr(0, size));
  }
}

Result<bool> HelperProcess::reap() {
  if (reaped_) return true;
  // By the pidfd, for once the host has reaped it the number may be that of another child of the host.
  siginfo_t ended{};
  const int found = process_ >= 0 ? waitid(P_PIDFD, static_cast<id_t>(process_), &ended, WEXITED | WNOHANG)
                                  : waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG);
  if (found == 0 && ended.si_pid == 0) return false;
  reaped_ = true;
  if (found != 0) return true;  // the host has reaped it
  if (ended.si_code != CLD_EXITED) return fail(failed(fmt::format("signal {} ended it", ended.si_status)));
  if (ended.si_status != 0) return fail(failed(fmt::format("it ended with exit code {}", ended.si_status)));
  return true;
}

Secret HelperProcess::take_output() {
  return std::move(output_);
}

void HelperProcess::kill_session() noexcept {
  // Only while it has not been reaped its number is surely its own.
  if (process_ < 0 || syscall(SYS_pidfd_send_signal, process_, SIGKILL, nullptr, 0) != 0) return;
  kill(-pid_, SIGKILL);
  siginfo_t ended{};
  while (waitid(P_PIDFD, static_cast<id_t>(process_), &ended, WEXITED) < 0 && errno == EINTR) {
  }
}

Error HelperProcess::failed(const std::string &why) const {
  return Error(Status::InvalidState,
               fmt::format("the helper {} failed: {}; run it by hand, as the user of this process and with an empty "
                           "environment (env -i)",
                           program_, why));
}

Error HelperProcess::timed_out(std::chrono::milliseconds limit) const {
  return failed(fmt::format("it did not end within {} ms and was killed", limit.count()));
}

}  // namespace cordon

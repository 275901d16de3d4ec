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
#include <new>
#include <utility>

#include "base/open_file.hpp"
#include "base/system_reason.hpp"

namespace cordon {
namespace {

constexpr std::chrono::milliseconds kLookAgain(20);

/// What only a want of memory can make fail. Left out, it would be missing in silence: the helper would print into the
/// host's own output.
void made(int failure) {
  if (failure != 0) throw std::bad_alloc();
}

/// An empty signal mask, default handlers, a session of its own.
class SpawnAttributes {
 public:
  SpawnAttributes() { made(posix_spawnattr_init(&attributes_)); }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes &) = delete;
  SpawnAttributes &operator=(const SpawnAttributes &) = delete;
  void set() {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    made(posix_spawnattr_setsigdefault(&attributes_, &all));
    made(posix_spawnattr_setsigmask(&attributes_, &none));
    made(posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | static_cast<short>(POSIX_SPAWN_SETSID)));
  }
  const posix_spawnattr_t *get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

/// Its output into the pipe, no other descriptor of ours, and in `/`.
class SpawnActions {
 public:
  SpawnActions() { made(posix_spawn_file_actions_init(&actions_)); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions &) = delete;
  SpawnActions &operator=(const SpawnActions &) = delete;
  void set(const Descriptor &output_end) {
    made(posix_spawn_file_actions_adddup2(&actions_, output_end.get(), STDOUT_FILENO));
    made(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    made(posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0));
    made(posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
    made(posix_spawn_file_actions_addchdir_np(&actions_, "/"));
  }
  const posix_spawn_file_actions_t *get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// 0, or why it can't be started.
int spawn(pid_t &pid, const std::vector<std::string> &argv, const Descriptor &output_end) {
  SpawnAttributes attributes;
  attributes.set();
  SpawnActions actions;
  actions.set(output_end);
  std::vector<char *> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string &argument : argv) arguments.push_back(const_cast<char *>(argument.c_str()));
  arguments.push_back(nullptr);
  char *environment[] = {nullptr};
  return posix_spawn(&pid, argv.front().c_str(), actions.get(), attributes.get(), arguments.data(), environment);
}

/// Both ends above the standard descriptors, which the host may have closed; the one to read from does not block.
bool make_pipe(Descriptor &read_end, Descriptor &write_end) {
  const StandardDescriptorsHeld held;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end = Descriptor(ends[0]);
  write_end = Descriptor(ends[1]);
  return fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

Descriptor open_process(pid_t pid) {
  const StandardDescriptorsHeld held;
  return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

HelperProcess::HelperProcess(std::string program) : program_(std::move(program)) {
  output_.reserve(kMaxOutput);
}

HelperProcess::HelperProcess(HelperProcess &&other) noexcept
    : program_(std::move(other.program_)),
      pid_(other.pid_),
      process_(std::move(other.process_)),
      output_end_(std::move(other.output_end_)),
      reaped_(std::exchange(other.reaped_, true)),
      output_(std::move(other.output_)) {}

HelperProcess::~HelperProcess() {
  if (!reaped_) kill_session();
}

Result<HelperProcess> HelperProcess::start(const std::vector<std::string> &argv) {
  if (argv.empty() || !argv.front().starts_with('/'))
    return fail(Status::InvalidArgument, "the helper must be given by its absolute path");
  HelperProcess helper(argv.front());  // once the program runs, nothing can fail
  Descriptor write_end;
  if (!make_pipe(helper.output_end_, write_end))
    return fail(Status::InvalidState,
                fmt::format("the helper {}: no pipe to read it by: {}", argv.front(), system_reason(errno)));
  if (const int failure = spawn(helper.pid_, argv, write_end); failure != 0)
    return fail(Status::InvalidState,
                fmt::format("the helper {} can't be started: {}; check that the file is there and may be executed",
                            argv.front(), system_reason(failure)));
  helper.reaped_ = false;
  helper.process_ = open_process(helper.pid_);
  return helper;
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
    pollfd output{helper->output_end_.get(), POLLIN, 0};
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
  while (output_end_) {
    const ssize_t got = read(output_end_.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    if (got == 0) {
      output_end_ = Descriptor();
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
  const int found = process_ ? waitid(P_PIDFD, static_cast<id_t>(process_.get()), &ended, WEXITED | WNOHANG)
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
  if (!process_ || syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0) != 0) return;
  kill(-pid_, SIGKILL);
  siginfo_t ended{};
  while (waitid(P_PIDFD, static_cast<id_t>(process_.get()), &ended, WEXITED) < 0 && errno == EINTR) {
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

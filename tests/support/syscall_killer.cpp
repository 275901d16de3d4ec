#include "support/syscall_killer.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace cordon::test {
namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;

long trace(int request, pid_t pid, void *address, std::size_t data) {
  return ptrace(static_cast<__ptrace_request>(request), pid, address, reinterpret_cast<void *>(data));
}

pid_t start(const std::vector<std::string> &argv) {
  std::vector<char *> words;
  for (const std::string &word : argv) words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(120);
    execv(words[0], words.data());
    _exit(121);
  }
  return child;
}

/// The tracer's side: lets every thread run from stop to stop and counts the entries after the mark.
class Tracer {
 public:
  Tracer(pid_t child, std::size_t nth) : child_(child), nth_(nth) {}

  Traced run() {
    while (true) {
      int status = 0;
      const pid_t stopped = waitpid(-1, &status, __WALL);
      if (stopped < 0 && errno == EINTR) continue;
      if (stopped < 0) return {Ended::CouldNotTrace};
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (stopped != child_) continue;
        if (killed_) return {Ended::Killed};
        return {Ended::ByItself, status};
      }
      if (!killed_) on_stop(stopped, status);
    }
  }

 private:
  void on_stop(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    int deliver = 0;
    if (signal == kSyscallStop) {
      if (counts(thread)) {
        killed_ = true;
        kill(child_, SIGKILL);
        return;
      }
    } else if (signal != SIGTRAP && signal != SIGSTOP) {
      deliver = signal;
    }
    trace(PTRACE_SYSCALL, thread, nullptr, static_cast<std::size_t>(deliver));
  }

  /// True at the entry at which it must die.
  bool counts(pid_t thread) {
    __ptrace_syscall_info call{};
    if (trace(PTRACE_GET_SYSCALL_INFO, thread, reinterpret_cast<void *>(sizeof call),
              reinterpret_cast<std::size_t>(&call)) <= 0 ||
        call.op != PTRACE_SYSCALL_INFO_ENTRY)
      return false;
    if (counting_) return ++count_ == nth_;
    counting_ = call.entry.nr == SYS_getpriority && call.entry.args[1] == kMark;
    return false;
  }

  const pid_t child_;
  const std::size_t nth_;
  std::size_t count_ = 0;
  bool counting_ = false;
  bool killed_ = false;
};

}  // namespace

Traced kill_at_syscall(const std::vector<std::string> &argv, std::size_t nth) {
  const pid_t child = start(argv);
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return {Ended::CouldNotTrace};
  const std::size_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  if (trace(PTRACE_SETOPTIONS, child, nullptr, options) != 0 || trace(PTRACE_SYSCALL, child, nullptr, 0) != 0) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return {Ended::CouldNotTrace};
  }
  return Tracer(child, nth).run();
}

void mark_for_syscall_killer() {
  getpriority(PRIO_PROCESS, kMark);
}

}  // namespace cordon::test

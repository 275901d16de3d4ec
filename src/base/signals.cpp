#include "base/signals.hpp"

#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace cordon {
namespace {

constexpr int kOfWriting[] = {SIGPIPE, SIGXFSZ};

/// Takes one that is pending; false when none is.
bool take(const sigset_t &signals, siginfo_t &info) noexcept {
  constexpr timespec kNow{0, 0};
  int got = -1;
  do {
    got = sigtimedwait(&signals, &info, &kNow);
  } while (got < 0 && errno == EINTR);
  return got > 0;
}

/// What the kernel sends for a write names this process as its sender.
bool is_own(const siginfo_t &info) noexcept {
  return info.si_code == SI_KERNEL || info.si_pid == getpid();
}

}  // namespace

SignalsBlocked::SignalsBlocked() noexcept {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

WriteSignalsHeld::WriteSignalsHeld() noexcept {
  sigset_t held, pending;
  sigemptyset(&held);
  for (const int signal : kOfWriting) sigaddset(&held, signal);
  pthread_sigmask(SIG_BLOCK, &held, &before_);
  taken_ = held;
  sigpending(&pending);
  for (const int signal : kOfWriting)
    if (sigismember(&pending, signal) == 1) sigdelset(&taken_, signal);
}

WriteSignalsHeld::~WriteSignalsHeld() {
  const int error = errno;
  siginfo_t info;
  if (take(taken_, info)) {
    int foreign = 0;
    do {
      if (!is_own(info)) foreign = info.si_signo;
    } while (take(taken_, info));
    if (foreign != 0) kill(getpid(), foreign);  // where it was
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = error;
}

}  // namespace cordon

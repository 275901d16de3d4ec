#include "base/signals.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace cordon {
namespace {

bool is_pending(int signal) {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, signal) == 1;
}

sigset_t blocked() {
  sigset_t now;
  pthread_sigmask(SIG_BLOCK, nullptr, &now);
  return now;
}

void write_to_nobody() {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

TEST(WriteSignalsHeld, TakesAwayWhatAWriteCausedAndPutsTheMaskBack) {
  {
    const WriteSignalsHeld held;
    write_to_nobody();
    EXPECT_TRUE(is_pending(SIGPIPE));
  }
  EXPECT_FALSE(is_pending(SIGPIPE));
  const sigset_t after = blocked();
  EXPECT_EQ(sigismember(&after, SIGPIPE), 0);
  EXPECT_EQ(sigismember(&after, SIGXFSZ), 0);
}

TEST(WriteSignalsHeld, LeavesWhatWasPendingOrCameFromAnotherProcess) {
  sigset_t pipe_signal, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const timespec now{0, 0};
  raise(SIGPIPE);
  {
    const WriteSignalsHeld held;
    write_to_nobody();
  }
  EXPECT_EQ(sigtimedwait(&pipe_signal, nullptr, &now), SIGPIPE);
  {
    const WriteSignalsHeld held;
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) _exit(kill(parent, SIGPIPE));
    waitpid(child, nullptr, 0);
  }
  EXPECT_EQ(sigtimedwait(&pipe_signal, nullptr, &now), SIGPIPE);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(SignalsBlocked, AreInheritedByAThreadThatIsStartedMeanwhile) {
  sigset_t of_thread;
  {
    const SignalsBlocked held;
    std::thread([&] { of_thread = blocked(); }).join();
  }
  const sigset_t after = blocked();
  EXPECT_EQ(sigismember(&of_thread, SIGTERM), 1);
  EXPECT_EQ(sigismember(&of_thread, SIGABRT), 1);
  EXPECT_EQ(sigismember(&of_thread, SIGSEGV), 0);
  EXPECT_EQ(sigismember(&after, SIGTERM), 0);
}

}  // namespace
}  // namespace cordon

#include "base/helper_process.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <new>
#include <string>
#include <thread>

namespace {
bool g_no_memory_for_output = false;
}

/// The C library's, which fails on order.
extern "C" int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from, int to) noexcept {
  if (g_no_memory_for_output) return ENOMEM;
  static const auto real = reinterpret_cast<decltype(&posix_spawn_file_actions_adddup2)>(
      dlsym(RTLD_NEXT, "posix_spawn_file_actions_adddup2"));
  return real(actions, from, to);
}

namespace cordon {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kPatience(20'000);

Result<Secret> shell(const std::string &script, milliseconds timeout = kPatience) {
  return HelperProcess::run({"/bin/sh", "-c", script}, timeout);
}

/// False for one that has ended, even if nobody has reaped it.
bool runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const std::size_t name_end = stat.rfind(')');
  return name_end != std::string::npos && stat.at(name_end + 2) != 'Z';
}

TEST(HelperProcess, GivesWhatTheProgramPrintsAsItIs) {
  const auto out = shell("printf 'a secret\\r\\n\\n'");
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->reveal(), "a secret\r\n\n");
  EXPECT_EQ(shell("true")->reveal(), "");
  EXPECT_EQ(shell("head -c 70000 /dev/zero")->size(), HelperProcess::kMaxOutput);
}

TEST(HelperProcess, StartsWithoutEnvironmentInputOrOurFiles) {
  setenv("CORDON_TEST_MARK", "leaked", 1);
  const int low = open("/dev/null", O_RDONLY), ours = fcntl(low, F_DUPFD, 77);  // inheritable
  close(low);
  const auto out = shell("/usr/bin/env | /bin/grep -c MARK; read line || echo no input; echo /proc/self/fd/*");
  close(ours);
  unsetenv("CORDON_TEST_MARK");
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->reveal().substr(0, 11), "0\nno input\n");
  EXPECT_EQ(out->reveal().find("/fd/" + std::to_string(ours)), std::string_view::npos) << out->reveal();
}

TEST(HelperProcess, TakesArgumentsAsTheyAre) {
  const auto out = HelperProcess::run({"/bin/echo", "$HOME; `id`", "two  blanks"}, kPatience);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->reveal(), "$HOME; `id` two  blanks\n");
}

TEST(HelperProcess, SaysHowTheProgramFailedAndQuotesNeitherOutputNorArguments) {
  const auto says = [](const Result<Secret> &out, const char *words) {
    ASSERT_FALSE(out);
    EXPECT_NE(out.error().message.find(words), std::string::npos) << out.error().message;
    EXPECT_EQ(out.error().message.find("s3cret"), std::string::npos);
  };
  says(shell("echo s3cret; exit 3"), "exit code 3");
  says(shell("kill -9 $$"), "signal 9");
  says(HelperProcess::run({"/no/such/s3"}, kPatience), "can't be started");
  EXPECT_EQ(HelperProcess::run({"sh"}, kPatience).error().status, Status::InvalidArgument);
}

TEST(HelperProcess, OneThatHangsIsKilledWithItsChildren) {
  const auto started = std::chrono::steady_clock::now();
  const std::string file = testing::TempDir() + "/grandchild." + std::to_string(getpid());
  auto helper = HelperProcess::start({"/bin/sh", "-c", "sleep 600 & echo $! > \"$0\"; wait", file});
  ASSERT_TRUE(helper);
  pid_t grandchild = 0;
  {
    HelperProcess hanging = std::move(*helper);
    while (grandchild == 0 && std::chrono::steady_clock::now() - started < kPatience) {
      std::ifstream(file) >> grandchild;
      std::this_thread::sleep_for(milliseconds(10));
    }
    ASSERT_GT(grandchild, 0);
    EXPECT_EQ(*hanging.advance(), false);
  }
  std::remove(file.c_str());
  while (runs(grandchild) && std::chrono::steady_clock::now() - started < kPatience)
    std::this_thread::sleep_for(milliseconds(10));
  EXPECT_FALSE(runs(grandchild));
  const auto out = shell("sleep 600", milliseconds(100));
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message.find("within 100 ms"), std::string::npos);
  errno = 0;
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD) << "no child is left behind";
}

TEST(HelperProcess, IsNotStartedWhereItsOutputWouldGoIntoTheHosts) {
  g_no_memory_for_output = true;
  EXPECT_THROW((void)shell("echo a secret in the log of the test"), std::bad_alloc);
  g_no_memory_for_output = false;
}

TEST(HelperProcess, AChildItLeavesBehindDoesNotHoldItsOutputBack) {
  const auto out = shell("sleep 5 & printf good");
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->reveal(), "good");
}

TEST(HelperProcess, AHostThatReapsEveryChildLosesUsNothing) {
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGCHLD, &ignore, &before);
  const auto out = shell("echo good");
  sigaction(SIGCHLD, &before, nullptr);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->reveal(), "good\n");
}

}  // namespace
}  // namespace cordon

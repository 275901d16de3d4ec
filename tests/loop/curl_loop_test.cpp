#include "loop/curl_loop.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loop/wait.hpp"

namespace cordon::loop {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class CurlLoopTest : public testing::Test {
 protected:
  /// Runs `job` on the loop and waits for its end.
  void on_loop(const std::function<void()> &job) {
    std::promise<void> done;
    loop.scheduler().post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }

  SystemClock clock;
  CurlLoop loop{clock};
};

/// A listening socket that nobody accepts from: a transfer to it connects and then waits for ever.
class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(fd_, reinterpret_cast<sockaddr *>(&address), size);
    listen(fd_, 64);
    getsockname(fd_, reinterpret_cast<sockaddr *>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }
  ~SilentServer() { close(fd_); }
  const std::string &url() const { return url_; }
  int accept() const { return ::accept(fd_, nullptr, nullptr); }

 private:
  int fd_;
  std::string url_;
};

struct EasyCleanup {
  void operator()(CURL *easy) const { curl_easy_cleanup(easy); }
};
using EasyPtr = std::unique_ptr<CURL, EasyCleanup>;

EasyPtr easy_for(const std::string &url) {
  EasyPtr easy(curl_easy_init());
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  return easy;
}

TEST_F(CurlLoopTest, Jobs_PostedBeforeTheStartRunAfterIt) {
  std::promise<std::thread::id> ran;
  loop.scheduler().post([&] { ran.set_value(std::this_thread::get_id()); });
  loop.start();
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
}

TEST_F(CurlLoopTest, Jobs_PostedByManyThreadsAllRunOnTheLoopInTheOrderOfEachThread) {
  constexpr int kThreads = 8;
  constexpr int kJobs = 2000;
  loop.start();
  std::vector<int> next(kThreads, 0);  // touched on the loop alone
  bool in_order = true;
  std::vector<std::thread> posters;
  for (int t = 0; t < kThreads; ++t)
    posters.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i)
        loop.scheduler().post([&, t, i] { in_order = in_order && next[static_cast<std::size_t>(t)]++ == i; });
    });
  for (std::thread &poster : posters) poster.join();
  on_loop([&] {
    EXPECT_TRUE(in_order);
    for (const int count : next) EXPECT_EQ(count, kJobs);
  });
}

TEST_F(CurlLoopTest, ALoneJob_WakesASleepingLoopEveryTime) {
  loop.start();
  for (int i = 0; i < 2000; ++i) on_loop([] {});  // one lost wake-up would take a minute each
}

TEST_F(CurlLoopTest, Timers_FireWithoutAnybodyPosting) {
  loop.start();
  std::promise<BootTime> fired;
  BootTime due;
  on_loop([&] {
    due = clock.now() + milliseconds(20);
    loop.scheduler().at(due, [&] { fired.set_value(clock.now()); });
    loop.scheduler().at(due + hours(1), [] {});
  });
  EXPECT_GE(fired.get_future().get(), due);
}

TEST_F(CurlLoopTest, Thread_HasItsNameAndBlocksEverySignal) {
  loop.start();
  on_loop([] {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    EXPECT_STREQ(name, "cordon-loop");
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGCHLD, SIGALRM, SIGUSR1})
      EXPECT_EQ(sigismember(&blocked, signal), 1) << signal;
  });
  sigset_t here;
  pthread_sigmask(SIG_SETMASK, nullptr, &here);
  EXPECT_EQ(sigismember(&here, SIGTERM), 0);
}

TEST_F(CurlLoopTest, Transfer_ReportsItsResultOnTheLoopOnce) {
  const SilentServer server;
  loop.start();
  const EasyPtr easy = easy_for(server.url());
  std::promise<CURLcode> ended;
  loop.scheduler().post([&] { loop.add(easy.get(), [&](CURLcode code) { ended.set_value(code); }); });
  close(server.accept());
  EXPECT_NE(ended.get_future().get(), CURLE_OK);
}

TEST_F(CurlLoopTest, RemovedTransfer_ReportsNothingAndItsConnectionCloses) {
  const SilentServer server;
  loop.start();
  const EasyPtr easy = easy_for(server.url());
  bool reported = false;
  on_loop([&] { loop.add(easy.get(), [&](CURLcode) { reported = true; }); });
  const int peer = server.accept();
  on_loop([&] {
    loop.remove(easy.get());
    loop.remove(easy.get());
  });
  char bytes[1024];
  while (recv(peer, bytes, sizeof bytes, 0) > 0) {
  }
  close(peer);
  on_loop([&] { EXPECT_FALSE(reported); });
}

TEST_F(CurlLoopTest, RemovedTransfer_DeliversNothingThatTheKernelStillHeld) {
  const SilentServer server;
  loop.start();
  EasyPtr easy = easy_for(server.url());
  const std::string body(32 << 20, 'x');  // more than the sockets' buffers hold
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  on_loop([&] { loop.add(easy.get(), [](CURLcode) {}); });
  const int connection = server.accept();
  std::array<char, 1 << 16> buffer{};
  ASSERT_GT(recv(connection, buffer.data(), buffer.size(), 0), 0) << "it is on its way";
  on_loop([&] {
    loop.remove(easy.get());
    easy.reset();
  });
  ssize_t got = 0;
  do got = recv(connection, buffer.data(), buffer.size(), 0);
  while (got > 0);
  EXPECT_EQ(got, -1) << "an orderly end would mean that all was delivered";
  EXPECT_EQ(errno, ECONNRESET);
  close(connection);
}

TEST_F(CurlLoopTest, Callback_MayAddTheHandleAgain) {
  const SilentServer server;
  loop.start();
  const EasyPtr easy = easy_for(server.url());
  std::promise<void> ended;
  loop.scheduler().post(
      [&] { loop.add(easy.get(), [&](CURLcode) { loop.add(easy.get(), [&](CURLcode) { ended.set_value(); }); }); });
  close(server.accept());
  close(server.accept());
  ended.get_future().wait();
}

TEST_F(CurlLoopTest, ServerThatHungUp_IsSeenInItsSocket) {
  const SilentServer server;
  loop.start();
  const EasyPtr easy = easy_for(server.url());
  on_loop([&] { loop.add(easy.get(), [](CURLcode) {}); });
  const int peer = server.accept();
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getpeername(peer, reinterpret_cast<sockaddr *>(&address), &size);
  const int port = ntohs(address.sin_port);
  on_loop([&] {
    EXPECT_FALSE(loop.sockets().closed_by_peer(port));
    shutdown(peer, SHUT_WR);
    EXPECT_TRUE(loop.sockets().closed_by_peer(port));
    loop.remove(easy.get());
    EXPECT_FALSE(loop.sockets().closed_by_peer(port));
  });
  close(peer);
}

TEST_F(CurlLoopTest, Stop_DropsTransfersUnderWayAndMayBeCalledAgain) {
  const SilentServer server;
  std::vector<EasyPtr> transfers;
  for (int i = 0; i < 10; ++i) transfers.push_back(easy_for(server.url()));
  bool reported = false;
  loop.start();
  on_loop([&] {
    for (const EasyPtr &easy : transfers) loop.add(easy.get(), [&](CURLcode) { reported = true; });
  });
  loop.stop();
  loop.stop();
  EXPECT_FALSE(reported);
  for (const EasyPtr &easy : transfers) loop.remove(easy.get());
}

TEST_F(CurlLoopTest, Stop_WithoutAStartIsHarmless) {
  loop.stop();
  loop.start();
  loop.scheduler().post([] { FAIL() << "a stopped loop runs nothing"; });
}

TEST(CurlLoop, Stop_WhileThreadsPostAndTimersRunJoins) {
  const SystemClock clock;
  for (int round = 0; round < 50; ++round) {
    CurlLoop loop(clock);
    std::atomic<bool> enough{false};
    std::vector<std::thread> posters;
    for (int t = 0; t < 3; ++t)
      posters.emplace_back([&] {
        while (!enough) {
          loop.scheduler().post([&] { loop.scheduler().at(clock.now(), [] {}); });
          std::this_thread::yield();
        }
      });
    loop.start();
    std::promise<void> running;
    loop.scheduler().post([&] { running.set_value(); });
    running.get_future().wait();
    loop.stop();
    enough = true;
    for (std::thread &poster : posters) poster.join();
  }
}

TEST(CurlLoop, Destruction_EndsCoroutinesThatStillWait) {
  struct Witness {
    explicit Witness(bool &gone_) : gone(gone_) {}
    ~Witness() { gone = true; }
    bool &gone;
  };
  const SystemClock clock;
  bool gone = false;
  auto wait = [](CurlLoop &loop, bool &flag) -> Task<> {
    const Witness witness(flag);
    Scope scope(loop.scheduler());
    (void)co_await sleep_until(loop.scheduler().now() + hours(1), scope);
  };
  {
    CurlLoop loop(clock);
    loop.start();
    std::promise<void> started;
    loop.scheduler().post([&] {
      loop.scheduler().spawn(wait(loop, gone));
      started.set_value();
    });
    started.get_future().wait();
    loop.stop();
    EXPECT_FALSE(gone);
  }
  EXPECT_TRUE(gone);
}

TEST(CurlLoop, Exceptions_OfJobsAndTasksGoToTheHandlerAndTheLoopRunsOn) {
  const SystemClock clock;
  CurlLoop loop(clock);
  std::atomic<int> caught{0};
  loop.set_on_exception([&](std::exception_ptr) { ++caught; });
  loop.start();
  auto fails = []() -> Task<> {
    throw std::runtime_error("broken promise");
    co_return;
  };
  loop.scheduler().post([] { throw std::runtime_error("broken promise"); });
  std::promise<void> done;
  while (caught < 1) std::this_thread::yield();
  loop.scheduler().post([&] {
    loop.scheduler().spawn(fails());
    done.set_value();
  });
  done.get_future().wait();
  EXPECT_EQ(caught, 2);
}

}  // namespace
}  // namespace cordon::loop

#pragma once

#include <curl/curl.h>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>

#include "base/clock.hpp"
#include "loop/scheduler.hpp"
#include "loop/sockets.hpp"

namespace cordon::loop {

/// The one loop thread of a client: runs its Scheduler and every libcurl transfer, and waits for both in one poll.
///
/// Whoever stops it first cancels the scopes of what runs and lets that end: a transfer that is still under way at
/// stop() is dropped without its callback, its coroutine is destroyed together with this object.
class CurlLoop {
 public:
  /// Initialises libcurl and what it uses, once in the process; the constructor does too. When it returns they have
  /// registered what they do at the process' end. [any-thread]
  static void load_libraries();
  /// `clock` outlives this object.
  explicit CurlLoop(const Clock &clock);
  /// Stops, then destroys what the scheduler still holds.
  ~CurlLoop();
  CurlLoop(const CurlLoop &) = delete;
  CurlLoop &operator=(const CurlLoop &) = delete;

  Scheduler &scheduler() noexcept { return scheduler_; }
  /// Gets what a spawned task, a posted job or a transfer's callback threw, on the loop; without a handler the process
  /// ends. Set before start().
  void set_on_exception(std::function<void(std::exception_ptr)> handler);

  /// Starts the thread, all signals blocked in it. What was posted before runs now. Throws std::system_error when there
  /// is no thread to be had. Once only; after stop() it does nothing.
  void start();
  /// Ends the thread and closes every connection; waits for the job under way, not for transfers or name resolution.
  /// [any-thread] but the loop's; a second call does nothing.
  void stop();

  /// Starts the transfer of a configured handle. `done` gets its result once, unless remove() comes first. [loop]
  void add(CURL *easy, std::function<void(CURLcode)> done);
  /// Takes the handle back at once, and its connection down when the transfer has begun; `done` is not called. Does
  /// nothing for a handle that has ended or was never added. [loop], and any thread after stop()
  void remove(CURL *easy);
  /// Calls `readable` on the loop each time `fd` is readable. One descriptor, named before start(); it outlives stop().
  void watch(int fd, std::function<void()> readable);
  /// The sockets of the connections, see there. [loop]
  Sockets &sockets() noexcept { return sockets_; }

 private:
  enum class Attention { Running, Asleep, Wanted };
  struct MultiClose {
    void operator()(CURLM *multi) const;
  };

  void run();
  void turn();
  void perform();
  void report_exception();
  void wake();
  bool finish_transfers();
  void wait(std::optional<BootTime> next);
  void close();

  /// An eventfd and not curl_multi_wakeup(): a late post() may touch it after stop() has closed the multi handle.
  class Bell {
   public:
    Bell();
    ~Bell();
    Bell(const Bell &) = delete;
    Bell &operator=(const Bell &) = delete;
    void ring() const noexcept;
    void silence() const noexcept;
    int fd() const noexcept { return fd_; }

   private:
    int fd_ = -1;
  };

  Bell bell_;
  Sockets sockets_;
  std::unique_ptr<CURLM, MultiClose> multi_;
  std::unordered_map<CURL *, std::function<void(CURLcode)>> transfers_;
  int watched_ = -1;
  std::function<void()> on_readable_;
  std::atomic<Attention> attention_{Attention::Running};
  std::atomic<bool> stopping_{false};
  std::function<void(std::exception_ptr)> on_exception_;
  Scheduler scheduler_;  // destroyed before the transfers that its coroutines hold
  std::thread thread_;
};

}  // namespace cordon::loop

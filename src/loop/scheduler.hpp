#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "loop/task.hpp"
#include "loop/waiter.hpp"

namespace cordon::loop {

/// Names one timer until it has fired or was cancelled.
using TimerId = std::pair<BootTime, std::uint64_t>;

/// Runs coroutines, timers and posted jobs on one thread. It knows no thread and no socket: CurlLoop drives it on the
/// machine's clock, a simulation on a virtual one. Everything is [loop] except post().
class Scheduler {
 public:
  explicit Scheduler(const Clock &clock);
  ~Scheduler() { drop_tasks(); }
  Scheduler(const Scheduler &) = delete;
  Scheduler &operator=(const Scheduler &) = delete;

  /// [any-thread] Runs `job` on the loop, in the order of the calls.
  void post(std::function<void()> job);
  /// Called on the posting thread when the first job waits for the loop. Set before the loop runs.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  /// Starts `task` at once and owns it until it ends. An exception that leaves it goes to on_exception.
  void spawn(Task<void> task);
  /// Destroys the frames of all tasks that were spawned and have not ended, while what they refer to still exists.
  void drop_tasks();
  /// Gets what a spawned task threw. A scheduler that lives in a host's process needs one: without it the process ends.
  void set_on_exception(std::function<void(std::exception_ptr)> handler) { on_exception_ = std::move(handler); }

  TimerId at(BootTime when, std::function<void()> job);
  void cancel(const TimerId &timer) { timers_.erase(timer); }

  /// Puts a suspended coroutine behind those that are ready.
  void ready(Waiter &waiter) noexcept { ready_.push_back(waiter); }

  /// Runs the posted jobs, the due timers and every ready coroutine. Returns when to come again: now() if there is
  /// more, the next timer's time, or nothing.
  std::optional<BootTime> run_due();

  BootTime now() const { return clock_.now(); }
  const Clock &clock() const { return clock_; }
  /// Spawned tasks that have not ended.
  std::size_t running() const { return running_; }

 private:
  struct Root;
  struct RootFrame;
  void run_ready();
  static Root run_root(Scheduler &scheduler, Task<void> task);

  const Clock &clock_;
  std::function<void()> wake_;
  std::function<void(std::exception_ptr)> on_exception_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // under mutex_
  std::map<TimerId, std::function<void()>> timers_;
  std::uint64_t next_timer_ = 0;
  List<Waiter> ready_;
  List<RootFrame> roots_;
  std::size_t running_ = 0;
};

/// A timer that is cancelled with its owner.
class Timer {
 public:
  Timer(Scheduler &scheduler, BootTime when, std::function<void()> job)
      : scheduler_(scheduler), id_(scheduler.at(when, std::move(job))) {}
  ~Timer() { scheduler_.cancel(id_); }
  Timer(const Timer &) = delete;
  Timer &operator=(const Timer &) = delete;

 private:
  Scheduler &scheduler_;
  TimerId id_;
};

}  // namespace cordon::loop

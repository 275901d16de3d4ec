#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "loop/task.hpp"
#include "loop/waiter.hpp"

namespace cordon::loop {

/// Names one timer until it has fired or was cancelled.
using TimerId = std::pair<BootTime, std::uint64_t>;

/// A job that was made before it is needed: to post it takes no memory, so it can't fail. Waits once at a time.
class Prepared {
 public:
  Prepared() = default;
  virtual ~Prepared() = default;
  Prepared(const Prepared &) = delete;
  Prepared &operator=(const Prepared &) = delete;
  /// [loop]
  virtual void run() = 0;

 private:
  friend class Scheduler;
  std::shared_ptr<Prepared> next_;  // under the scheduler's mutex, as long as it waits
  bool waits_ = false;
};

/// The same of a function.
template <class F>
class PreparedFunction final : public Prepared {
 public:
  explicit PreparedFunction(F function) : function_(std::move(function)) {}
  void run() override { function_(); }

 private:
  F function_;
};
template <class F>
std::shared_ptr<Prepared> prepare(F function) {
  return std::make_shared<PreparedFunction<F>>(std::move(function));
}

/// Runs coroutines, timers and posted jobs on one thread. It knows no thread and no socket: CurlLoop drives it on the
/// machine's clock, a simulation on a virtual one. Everything is [loop] except post().
class Scheduler {
 public:
  explicit Scheduler(const Clock &clock);
  ~Scheduler();
  Scheduler(const Scheduler &) = delete;
  Scheduler &operator=(const Scheduler &) = delete;

  /// [any-thread] Runs `job` on the loop, in the order of the calls.
  template <std::invocable F>
  void post(F job) {
    post(prepare(std::move(job)));
  }
  void post(std::shared_ptr<Prepared> job) noexcept { Posting(*this).add(std::move(job)); }
  /// [any-thread] Posts several prepared jobs at once: the loop is woken when this goes. The loop waits meanwhile.
  class Posting {
   public:
    explicit Posting(Scheduler &scheduler) noexcept;
    ~Posting();
    Posting(const Posting &) = delete;
    Posting &operator=(const Posting &) = delete;
    /// Nothing happens if it waits already; it may be posted again from when it runs.
    void add(std::shared_ptr<Prepared> job) noexcept;

   private:
    Scheduler &scheduler_;
    std::unique_lock<std::mutex> lock_;
    bool none_waited_;
  };
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
  std::shared_ptr<Prepared> take_posted() noexcept;
  static Root run_root(Scheduler &scheduler, Task<void> task);

  const Clock &clock_;
  std::function<void()> wake_;
  std::function<void(std::exception_ptr)> on_exception_;
  std::mutex mutex_;
  std::shared_ptr<Prepared> first_posted_;  // under mutex_
  Prepared *last_posted_ = nullptr;         // under mutex_
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

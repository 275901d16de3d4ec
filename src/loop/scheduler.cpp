#include "loop/scheduler.hpp"

namespace cordon::loop {

/// Links a root coroutine's frame to its scheduler until it ends.
struct Scheduler::RootFrame : Link {
  std::coroutine_handle<> handle;
};

struct Scheduler::Root {
  struct promise_type : RootFrame {
    promise_type(Scheduler &owner, Task<void> &) : scheduler(owner) {
      handle = std::coroutine_handle<promise_type>::from_promise(*this);
      scheduler.roots_.push_back(*this);
      ++scheduler.running_;
    }
    ~promise_type() { --scheduler.running_; }
    Root get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { scheduler.on_exception_(std::current_exception()); }
    Scheduler &scheduler;
  };
};

Scheduler::Scheduler(const Clock &clock) : clock_(clock) {}

void Scheduler::drop_tasks() {
  while (RootFrame *root = roots_.pop_front()) root->handle.destroy();
}

Scheduler::Root Scheduler::run_root(Scheduler &, Task<void> task) {
  co_await task;
}

void Scheduler::spawn(Task<void> task) {
  run_root(*this, std::move(task));
}

void Scheduler::post(std::function<void()> job) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(job));
  }
  if (first && wake_) wake_();
}

TimerId Scheduler::at(BootTime when, std::function<void()> job) {
  const TimerId id{when, next_timer_++};
  timers_.emplace(id, std::move(job));
  return id;
}

void Scheduler::run_ready() {
  while (Waiter *waiter = ready_.pop_front()) waiter->handle.resume();
}

std::optional<BootTime> Scheduler::run_due() {
  std::vector<std::function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  for (auto &job : jobs) job();
  run_ready();
  const BootTime due = now();
  while (!timers_.empty() && timers_.begin()->first.first <= due) {
    auto timer = timers_.extract(timers_.begin());
    timer.mapped()();
    run_ready();
  }
  {
    const std::lock_guard lock(mutex_);
    if (!posted_.empty()) return due;
  }
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

}  // namespace cordon::loop

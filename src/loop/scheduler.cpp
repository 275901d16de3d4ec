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

Scheduler::~Scheduler() {
  drop_tasks();
  while (take_posted()) {
  }
}

void Scheduler::drop_tasks() {
  while (RootFrame *root = roots_.pop_front()) root->handle.destroy();
}

Scheduler::Root Scheduler::run_root(Scheduler &, Task<void> task) {
  co_await task;
}

void Scheduler::spawn(Task<void> task) {
  run_root(*this, std::move(task));
}

Scheduler::Posting::Posting(Scheduler &scheduler) noexcept
    : scheduler_(scheduler), lock_(scheduler.mutex_), none_waited_(scheduler.first_posted_ == nullptr) {}

Scheduler::Posting::~Posting() {
  const bool wake = none_waited_ && scheduler_.first_posted_ != nullptr;
  lock_.unlock();
  if (wake && scheduler_.wake_) scheduler_.wake_();
}

void Scheduler::Posting::add(std::shared_ptr<Prepared> job) noexcept {
  if (job->waits_) return;
  job->waits_ = true;
  Prepared *const last = std::exchange(scheduler_.last_posted_, job.get());
  (scheduler_.first_posted_ == nullptr ? scheduler_.first_posted_ : last->next_) = std::move(job);
}

/// Null when none waits.
std::shared_ptr<Prepared> Scheduler::take_posted() noexcept {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Prepared> job = std::move(first_posted_);
  if (job == nullptr) return job;
  first_posted_ = std::move(job->next_);
  job->waits_ = false;
  return job;
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
  Prepared *last = nullptr;
  {
    const std::lock_guard lock(mutex_);
    last = first_posted_ == nullptr ? nullptr : last_posted_;
  }
  // What they post in turn is for the next time.
  while (last != nullptr) {
    const std::shared_ptr<Prepared> job = take_posted();
    if (job.get() == last || job == nullptr) last = nullptr;
    if (job != nullptr) job->run();
  }
  run_ready();
  const BootTime due = now();
  while (!timers_.empty() && timers_.begin()->first.first <= due) {
    auto timer = timers_.extract(timers_.begin());
    timer.mapped()();
    run_ready();
  }
  {
    const std::lock_guard lock(mutex_);
    if (first_posted_ != nullptr) return due;
  }
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

}  // namespace cordon::loop

#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "loop/scope.hpp"

namespace cordon::loop {

/// Something several coroutines wait for, each woken once per notify_all(). [loop]
class Event {
 public:
  explicit Event(Scheduler &scheduler) : scheduler_(scheduler) {}

  class [[nodiscard]] Wait {
   public:
    Wait(Event &event, Scope &scope) : event_(event), scope_(scope) {}
    bool await_ready() const { return scope_.reason().has_value(); }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter_.handle = handle;
      event_.waiters_.push_back(waiter_);
      hook_.emplace(scope_, [this] {
        notified_ = false;
        event_.scheduler_.ready(waiter_);
      });
    }
    Result<void> await_resume() const {
      if (hook_ && notified_) return {};
      return fail(scope_.error("waiting"));
    }

   private:
    friend class Event;
    Event &event_;
    Scope &scope_;
    Waiter waiter_;
    std::optional<CancelHook> hook_;
    bool notified_ = true;
  };

  /// `co_await event.wait(scope)`: an error only when the scope was cancelled before the notification.
  Wait wait(Scope &scope) { return Wait(*this, scope); }
  void notify_all() {
    while (Waiter *waiter = waiters_.pop_front()) scheduler_.ready(*waiter);
  }

 private:
  Scheduler &scheduler_;
  List<Waiter> waiters_;
};

/// Waits until the boot clock shows `when`.
inline Task<Result<void>> sleep_until(BootTime when, Scope &scope) {
  Event due(scope.scheduler());
  const Timer timer(scope.scheduler(), when, [&due] { due.notify_all(); });
  co_return co_await due.wait(scope);
}

/// A value that somebody else will bring, once. Copies share it. The taker can't be cancelled: whoever holds the other
/// copy must answer. A taker whose frame is destroyed is forgotten. [loop]
template <class T>
class OneShot {
 public:
  explicit OneShot(Scheduler &scheduler) : state_(std::make_shared<State>(scheduler)) {}

  void set(T value) const {
    state_->value.emplace(std::move(value));
    if (Waiter *waiter = state_->waiters.pop_front()) state_->scheduler.ready(*waiter);
  }
  bool is_set() const { return state_->value.has_value(); }

  class [[nodiscard]] Take {
   public:
    explicit Take(const OneShot &shot) : shot_(shot) {}
    bool await_ready() const { return shot_.is_set(); }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter_.handle = handle;
      shot_.state_->waiters.push_back(waiter_);
    }
    T await_resume() { return std::move(*shot_.state_->value); }

   private:
    OneShot shot_;
    Waiter waiter_;
  };

  /// `co_await shot.take()`, by one coroutine.
  Take take() const { return Take(*this); }

 private:
  struct State {
    explicit State(Scheduler &scheduler_) : scheduler(scheduler_) {}
    Scheduler &scheduler;
    std::optional<T> value;
    List<Waiter> waiters;
  };
  std::shared_ptr<State> state_;
};

}  // namespace cordon::loop

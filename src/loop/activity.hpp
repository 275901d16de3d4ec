#pragma once

#include "loop/wait.hpp"

namespace cordon::loop {

/// Counts what is under way, so that an orderly end can wait for it. [loop]
class Activity {
 public:
  explicit Activity(Scheduler &scheduler) : changed_(scheduler) {}

  /// Counts as long as it lives.
  class Mark {
   public:
    explicit Mark(Activity &activity) : activity_(activity) { ++activity_.count_; }
    ~Mark() {
      --activity_.count_;
      activity_.changed_.notify_all();
    }
    Mark(const Mark &) = delete;
    Mark &operator=(const Mark &) = delete;

   private:
    Activity &activity_;
  };

  bool idle() const { return count_ == 0; }
  /// Until nothing is under way.
  Task<Result<void>> wait_idle(Scope &scope) {
    while (!idle()) {
      Result<void> waited = co_await changed_.wait(scope);
      if (!waited) co_return waited;
    }
    co_return Result<void>();
  }

 private:
  int count_ = 0;
  Event changed_;
};

}  // namespace cordon::loop

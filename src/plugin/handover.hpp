#pragma once

#include <mutex>

namespace cordon::plugin {

/// Passes something from a thread that waits to the loop, once. What it refers to is on the waiting thread's stack, so
/// either the loop takes it in time, or the thread leaves and it is never touched again.
class Handover {
 public:
  /// Runs `take`, which copies what it needs, while the other thread can't leave. False: it has left; nothing was run.
  /// [loop]
  template <class F>
  bool take(F &&take) {
    const std::lock_guard lock(mutex_);
    if (left_) return false;
    taken_ = true;
    take();
    return true;
  }
  /// True: the loop has not taken it and never will. [the waiting thread]
  bool leave() {
    const std::lock_guard lock(mutex_);
    left_ = !taken_;
    return left_;
  }

 private:
  std::mutex mutex_;
  bool taken_ = false;
  bool left_ = false;
};

}  // namespace cordon::plugin

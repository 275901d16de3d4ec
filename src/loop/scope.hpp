#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "loop/scheduler.hpp"

namespace cordon::loop {

class CancelHook;

/// Deadline and cancellation of one call, handed down to everything that waits on its behalf. A child is cancelled with
/// its parent. Must outlive what it was handed to. [loop]
class Scope {
 public:
  explicit Scope(Scheduler &scheduler, std::optional<BootTime> deadline = {}, Scope *parent = nullptr);
  ~Scope();
  Scope(const Scope &) = delete;
  Scope &operator=(const Scope &) = delete;

  /// The first reason wins; the hooks run at once. Reasons: Interrupted, ShuttingDown, Deadline, NotSent (withdrawn).
  void cancel(Status reason);
  /// Set once cancelled or the deadline has passed.
  std::optional<Status> reason() const;
  /// The Error that belongs to reason(); `what` says what was being done: "waiting for the quota".
  Error error(std::string_view what) const;

  std::optional<BootTime> deadline() const { return deadline_; }
  /// Moves the deadline; has no effect once cancelled.
  void set_deadline(BootTime deadline);
  /// Begins anew, as if it had never been cancelled. Nobody may be waiting on it.
  void renew(BootTime deadline);
  Scheduler &scheduler() const { return scheduler_; }

 private:
  friend class CancelHook;
  Scheduler &scheduler_;
  std::optional<BootTime> deadline_;
  std::optional<Status> reason_;
  std::optional<TimerId> timer_;
  List<CancelHook> hooks_;
  std::unique_ptr<CancelHook> from_parent_;
};

/// Runs `job` once on the loop when the scope is cancelled, unless destroyed before. For a scope that is cancelled
/// already it never runs: look at reason() first.
class CancelHook : public Link {
 public:
  CancelHook(Scope &scope, std::function<void()> job) : job_(std::move(job)) { scope.hooks_.push_back(*this); }

 private:
  friend class Scope;
  std::function<void()> job_;
};

}  // namespace cordon::loop

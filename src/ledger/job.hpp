#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "ledger/store.hpp"
#include "loop/scheduler.hpp"

namespace cordon::ledger {

/// One closure on its way through a batch, and back to the loop.
class Job : public loop::Prepared {
 public:
  Job(Durability durability, bool on_loop) : durability_(durability), on_loop_(on_loop) {}

  /// Runs the closure. False: what it wrote must be taken back. [ledger thread]
  virtual bool run_in(Tx &tx) noexcept = 0;
  /// Replaces the outcome: the batch was lost, or the ledger has stopped.
  virtual void fail(const Error &error) noexcept = 0;
  /// The outcome is final: wakes whoever waits, on the loop if on_loop(), else on the ledger thread.
  virtual void finish() noexcept = 0;
  void run() final { finish(); }

  Durability durability() const noexcept { return durability_; }
  bool on_loop() const noexcept { return on_loop_; }

 private:
  Durability durability_;
  bool on_loop_;
};

/// Holds the closure and what came of it.
template <class F>
class ClosureJob : public Job {
 public:
  using Outcome = std::invoke_result_t<F &, Tx &>;

  ClosureJob(Durability durability, bool on_loop, F closure) : Job(durability, on_loop), closure_(std::move(closure)) {}

  bool run_in(Tx &tx) noexcept override {
    try {
      outcome_.emplace(closure_(tx));
      return outcome_->has_value();
    } catch (const std::bad_alloc &) {  // its writes are taken back, so it is an error like another
      outcome_.emplace(cordon::fail(Status::OutOfMemory, "memory ran out"));  // which needs no memory to be told
      return false;
    } catch (...) {
      exception_ = std::current_exception();
      return false;
    }
  }
  void fail(const Error &error) noexcept override {
    // An outcome that is an error already, or an exception, says more than the batch's.
    if (exception_ || (outcome_ && !outcome_->has_value())) return;
    try {
      outcome_.emplace(cordon::fail(error));
    } catch (...) {
      outcome_.reset();
      exception_ = std::current_exception();
    }
  }
  /// The outcome, or throws what the closure threw. Once, after finish().
  Outcome take() {
    if (exception_) std::rethrow_exception(exception_);
    return std::move(*outcome_);
  }

 private:
  F closure_;
  std::optional<Outcome> outcome_;
  std::exception_ptr exception_;
};

/// Somebody's coroutine waits for it.
template <class F>
class LoopJob final : public ClosureJob<F> {
 public:
  LoopJob(Durability durability, F closure, loop::Scheduler &scheduler)
      : ClosureJob<F>(durability, true, std::move(closure)), scheduler_(scheduler) {}
  void finish() noexcept override {
    if (loop::Waiter *waiter = waiters_.pop_front()) scheduler_.ready(*waiter);
  }
  void wait(loop::Waiter &waiter) noexcept { waiters_.push_back(waiter); }

 private:
  loop::Scheduler &scheduler_;
  loop::List<loop::Waiter> waiters_;  // empty if the coroutine was destroyed meanwhile
};

/// A thread waits for it.
template <class F>
class BlockingJob final : public ClosureJob<F> {
 public:
  BlockingJob(Durability durability, F closure) : ClosureJob<F>(durability, false, std::move(closure)) {}
  void finish() noexcept override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    condition_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [this] { return done_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool done_ = false;
};

}  // namespace cordon::ledger

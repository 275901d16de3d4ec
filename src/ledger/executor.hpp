#pragma once

#include <memory>
#include <vector>

#include "ledger/job.hpp"

namespace cordon::ledger {

using Batch = std::vector<std::shared_ptr<Job>>;

/// What an executor drives.
class BatchRunner {
 public:
  virtual ~BatchRunner() = default;
  /// Runs all jobs in one transaction and finishes them. Empties the batch. Never on two threads at a time.
  virtual void run_batch(Batch &batch) noexcept = 0;
  /// Called when no job waits, and again while it says that there is more to do and still none waits.
  virtual bool idle() noexcept = 0;
  /// Called once, after the last job, on the thread that ran it; not if there never was one.
  virtual void ending() noexcept {}
};

/// Decides when and on which thread jobs run: the seam for a simulation.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Called once, before the first submit. The runner outlives the executor's stop().
  virtual void start(BatchRunner &runner) = 0;
  /// [any-thread] False once stopped: the job was not taken.
  virtual bool submit(const std::shared_ptr<Job> &job) = 0;
  /// [any-thread] Runs what was taken, then takes nothing any more. Idempotent.
  virtual void stop() noexcept = 0;
};

/// One thread, started by the first job, with all signals blocked but those that report its own faults. Whatever waits
/// when it comes around is one batch.
std::unique_ptr<Executor> make_thread_executor();

}  // namespace cordon::ledger

#include "ledger/executor.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/open_file.hpp"
#include "base/signals.hpp"

namespace cordon::ledger {
namespace {

class ThreadExecutor final : public Executor {
 public:
  ~ThreadExecutor() override { stop(); }

  void start(BatchRunner &runner) override { runner_ = &runner; }

  bool submit(const std::shared_ptr<Job> &job) override {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    if (!thread_.joinable()) {
      const SignalsBlocked blocked;
      thread_ = std::thread([this] { work(); });
    }
    waiting_.push_back(job);
    if (sleeping_) wake_.notify_one();
    return true;
  }

  void stop() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_one();
    }
    const std::lock_guard lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  // SQLite puts /dev/null on standard descriptors that it finds closed, and leaves it there.
  bool idle() {
    const StandardDescriptorsHeld held;
    return runner_->idle();
  }
  void run(Batch &batch) {
    const StandardDescriptorsHeld held;
    runner_->run_batch(batch);
  }
  void work() noexcept {
    pthread_setname_np(pthread_self(), "cordon-ledger");  // of another thread, it would open a file
    Batch batch;
    std::unique_lock lock(mutex_);
    for (;;) {
      for (bool more = true; more && waiting_.empty() && !stopping_;) {
        lock.unlock();
        more = idle();
        lock.lock();
      }
      sleeping_ = true;
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      sleeping_ = false;
      if (waiting_.empty()) break;
      batch.swap(waiting_);
      lock.unlock();
      run(batch);
      batch.clear();
      lock.lock();
    }
    lock.unlock();
    runner_->ending();
  }

  BatchRunner *runner_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  Batch waiting_;          // under mutex_
  bool sleeping_ = false;  // under mutex_
  bool stopping_ = false;  // under mutex_
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Executor> make_thread_executor() {
  return std::make_unique<ThreadExecutor>();
}

}  // namespace cordon::ledger

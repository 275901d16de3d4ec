#include "ledger/executor.hpp"

#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace cordon::ledger {
namespace {

/// Blocks signals in the calling thread while it lives; a thread started meanwhile inherits that for good.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&all, fault);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked &) = delete;
  SignalsBlocked &operator=(const SignalsBlocked &) = delete;

 private:
  sigset_t before_;
};

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
      pthread_setname_np(thread_.native_handle(), "cordon-ledger");
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
  void work() noexcept {
    Batch batch;
    std::unique_lock lock(mutex_);
    for (;;) {
      for (bool more = true; more && waiting_.empty() && !stopping_;) {
        lock.unlock();
        more = runner_->idle();
        lock.lock();
      }
      sleeping_ = true;
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      sleeping_ = false;
      if (waiting_.empty()) break;
      batch.swap(waiting_);
      lock.unlock();
      runner_->run_batch(batch);
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

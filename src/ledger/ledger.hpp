#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"
#include "ledger/executor.hpp"
#include "ledger/job.hpp"
#include "ledger/keyring.hpp"
#include "ledger/state_dir.hpp"
#include "ledger/store.hpp"
#include "loop/scheduler.hpp"
#include "loop/scope.hpp"
#include "loop/task.hpp"

namespace cordon::ledger {

/// What a walk along the whole chain found.
struct ChainReport {
  ChainReport() = default;
  std::int64_t records = 0;         ///< found good
  ChainLink base;                   ///< what they follow
  std::int64_t last = 0;            ///< and of the last one that was found good
  std::int64_t checkpoints = 0;     ///< among them
  std::int64_t signed_through = 0;  ///< the newest record that one of them signs
  std::int64_t first_bad = 0;       ///< 0: none, or none that can be numbered
  std::string damage;               ///< names the first bad record and what is wrong with it; empty: the chain holds
  bool intact() const { return damage.empty(); }
};

/// The durable state of one client: journal, requests, quota and tokens in `state_dir`.
///
/// All closures that wait when the ledger thread comes around are one transaction with one commit; a closure that
/// returns an error (or throws) takes back its own writes only. A failed commit fails every closure of the batch.
/// A closure owns what it captures, or the waiting frame must live until it was resumed.
class Ledger final : private BatchRunner {
 public:
  /// Opens or creates the ledger in `state_dir` (absolute; made 0700 if absent), which any number of clients and
  /// processes share. Status::Ledger, with the path and a remedy, if the directory is somebody else's, open to others
  /// or on a network file system, or the file can't be used. Blocks for disk, and while another client opens it.
  /// `clock` and `random` outlive the ledger; `random` must be [any-thread].
  static Result<std::unique_ptr<Ledger>> open(const std::string &state_dir, const Clock &clock, Random &random);

  /// Over other parts (a simulation). `directory` keeps the key of a ledger without a vault; it may be null, or the
  /// same object as `peers`.
  Ledger(std::unique_ptr<Peers> peers, StateDir *directory, std::unique_ptr<Keyring> keyring,
         std::unique_ptr<Store> store, std::unique_ptr<Executor> executor, const Clock &clock, Random &random);
  /// Stops; gives the directory free.
  ~Ledger() override;
  Ledger(const Ledger &) = delete;
  Ledger &operator=(const Ledger &) = delete;

  /// The loop on which run() resumes. Once, before the first run(). The scheduler outlives stop().
  void attach(loop::Scheduler &scheduler) { scheduler_.store(&scheduler, std::memory_order_release); }
  /// Called on the loop with the newest sequence after each commit that appended records. Once, before the first run().
  void set_on_append(std::function<void(std::int64_t)> callback);

  /// `co_await ledger.run(Durability::Full, [&](Tx &tx) -> Result<T> {…})`. [loop] Starts when awaited.
  /// ShuttingDown once stopped. Rethrows what the closure threw.
  ///
  /// A closure that owns something (captures a text, a row) is given a name first and passed by it; it is copied, or
  /// moved from if it can't be. g++ 12 destroys the captures of a closure written inside a co_await expression twice.
  template <class F>
  auto run(Durability durability, F &&closure) {
    using Closure = std::remove_cvref_t<F>;
    static_assert(std::is_lvalue_reference_v<F> || std::is_trivially_destructible_v<Closure>,
                  "name this closure before the co_await expression: it owns what it captures");
    if constexpr (std::is_copy_constructible_v<Closure>)
      return await(std::make_shared<LoopJob<Closure>>(durability, Closure(closure), *scheduler_.load()));
    else
      return await(
          std::make_shared<LoopJob<Closure>>(durability, static_cast<Closure &&>(closure), *scheduler_.load()));
  }
  /// The same for a thread that may wait. [any-thread but the loop's and the ledger's]
  template <class F>
  std::invoke_result_t<F &, Tx &> run_blocking(Durability durability, F closure) {
    const auto job = std::make_shared<BlockingJob<F>>(durability, std::move(closure));
    if (submit(job)) job->wait();
    return job->take();
  }

  /// Gives the ledger its key: unwraps it with `wrapping_key` (32 bytes, derived from the vault's store key; nullopt:
  /// `state_dir/ledger.key`, made if absent) or makes it for a new ledger. `wrap_name` says whose wrapping key it is
  /// (the vault's id). Before it reads work and appends fail with VaultLocked. VaultWrongKey if the key does not open
  /// this ledger's; the ledger then stays as it was. Blocks. [any-thread but the loop's]
  Result<void> use_key(std::optional<Secret> wrapping_key, std::string wrap_name);
  /// Adds a wrap of the key under another wrapping key, or drops one (never the last): the two halves of a rotation.
  Result<void> add_wrap(const Secret &wrapping_key, std::string wrap_name);
  Result<void> drop_wrap(std::string wrap_name);
  bool has_key() const { return keyring_->has_key(); }
  /// True if the key lies beside the ledger in a file: to be reported as weak.
  bool key_is_in_file() const { return keyring_->in_file(); }

  /// Encrypts a secret for a row of the ledger; `context` (the row's name) must be the same when it is opened.
  /// VaultLocked without a key. [any-thread]
  Result<std::string> seal(std::string_view context, const Secret &secret) const;
  Result<Secret> open_sealed(std::string_view context, std::string_view sealed) const;

  /// Walks the chain in steps, so that others get their turn: all of it, or what is behind the record `after`. An
  /// error: it could not be walked (no key, disk, no such record), or `call` ended.
  loop::Task<Result<ChainReport>> verify(loop::Scope &call, std::int64_t after = 0);
  Result<ChainReport> verify_blocking();
  /// Compares the table of requests with the journal, in steps, while `call` lasts.
  loop::Task<Result<TableComparison>> compare_tables(loop::Scope &call);
  /// Reads every page of the storage, or every archive, on the caller's thread. Blocks for long. [any-thread]
  Result<std::vector<std::string>> check_storage() const { return store_->check_storage(); }
  Result<std::vector<ArchiveReport>> check_archives(const ChainLink &journal_base) const {
    return store_->check_archives(journal_base);
  }
  /// What checkpoints are checked with: 32 bytes; empty without the key.
  std::string public_key() const { return has_key() ? keyring_->public_key() : std::string(); }
  /// Records and ended requests that are older move to an archive when nobody waits. Before the first run().
  void set_retention(nanoseconds age) { store_->set_retention(age); }
  /// What use_key found wrong at the journal's end; empty: nothing. The ledger goes on all the same.
  std::string damage() const;

  /// This client's name among the owners: a fresh UUID.
  const std::string &owner() const { return peers_->self(); }
  /// True while the client of that name lives, in whatever process.
  bool is_owner_alive(std::string_view owner) const { return peers_->is_alive(owner); }

  /// Runs what was submitted, refuses the rest with ShuttingDown, joins the thread. Idempotent. [any-thread]
  void stop() noexcept;
  /// In a forked child: closes the ownership locks, which the child holds too as long as they are open. The ledger must
  /// not be used any more. Async-signal-safe.
  void close_after_fork() noexcept { peers_->close_after_fork(); }

 private:
  template <class J>
  struct Awaiter {
    explicit Awaiter(Ledger &ledger_, const std::shared_ptr<J> &job_) : ledger(ledger_), job(job_) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle) {
      waiter.handle = handle;
      job->wait(waiter);
      return ledger.submit(job);
    }
    void await_resume() const noexcept {}
    Ledger &ledger;
    const std::shared_ptr<J> &job;
    loop::Waiter waiter;
  };
  template <class F>
  loop::Task<typename ClosureJob<F>::Outcome> await(std::shared_ptr<LoopJob<F>> job) {
    Awaiter<LoopJob<F>> finished(*this, job);
    co_await finished;
    co_return job->take();
  }

  /// Tells the loop of the newest record.
  struct AppendNotice final : loop::Prepared {
    explicit AppendNotice(std::function<void(std::int64_t)> tell_) : tell(std::move(tell_)) {}
    void run() override { tell(newest); }
    std::atomic<std::int64_t> newest = 0;
    const std::function<void(std::int64_t)> tell;
  };

  /// False: refused; the job has its error.
  bool submit(const std::shared_ptr<Job> &job);
  void run_batch(Batch &batch) noexcept override;
  bool idle() noexcept override { return store_->idle(); }
  void ending() noexcept override { store_->ending(); }
  std::optional<Error> run_jobs(const Batch &batch);
  void finish(Batch &batch) noexcept;
  std::shared_ptr<AppendNotice> on_append() const;
  /// Records what is wrong with the journal's end, and makes unknown what can't be relied on any more.
  Result<void> check_at_open(Tx &tx);

  std::unique_ptr<Peers> peers_;
  StateDir *directory_;  // nullptr: no key file
  std::unique_ptr<Keyring> keyring_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Executor> executor_;
  const Clock &clock_;
  Random &random_;
  std::atomic<loop::Scheduler *> scheduler_ = nullptr;
  mutable std::mutex mutex_;
  std::string damage_;                       // under mutex_
  std::shared_ptr<AppendNotice> on_append_;  // under mutex_
  std::int64_t reported_ = 0;                // ledger thread: newest sequence that on_append_ was told
};

}  // namespace cordon::ledger

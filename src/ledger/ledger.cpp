#include "ledger/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <system_error>

#include "ledger/sqlite_store.hpp"

namespace cordon::ledger {
namespace {

// Records checked in one turn of the ledger thread: about a millisecond.
constexpr std::size_t kWalkStep = 500;

Error storage_exception(const char *what) {
  return Error(Status::Internal, fmt::format("the ledger's storage broke a promise: {}", what));
}

auto walk_step(const ChainWalk &from) {
  return [walk = from](Tx &tx) mutable -> Result<ChainWalk> {
    if (auto walked = tx.walk_chain(walk, kWalkStep); !walked) return tl::unexpected(std::move(walked.error()));
    if (walk.at_end && walk.damage.empty() && walk.base.sequence != 0 && !walk.base_vouched)
      walk.damage = fmt::format("the journal begins behind record {}, but no record says that those were archived",
                                walk.base.sequence);
    return walk;
  };
}

/// Run as a writer: a reader's view may be older than the head that another client has written meanwhile.
constexpr auto look_at_end = [](Tx &tx) { return tx.check_end(); };

void take_in(ChainWalk &walk, const Damage &damage) {
  walk.damage = damage.text;
  walk.first_bad = damage.first_bad;
}

/// Where a walk begins that does not begin at the beginning.
auto begin_behind(std::int64_t after) {
  return [after](Tx &tx) -> Result<ChainWalk> {
    ChainWalk walk;
    if (after <= tx.journal_base().sequence) return walk;
    auto link = tx.chain_at(after);
    if (!link) return tl::unexpected(std::move(link.error()));
    if (!*link)
      return fail(
          Error(Status::InvalidArgument, "request at /after: the journal has no record of this number").at("/after"));
    walk.begun = walk.base_vouched = true;
    walk.base = walk.link = std::move(**link);
    return walk;
  };
}

auto comparison_step(const TableComparison &from) {
  return [so_far = from](Tx &tx) mutable -> Result<TableComparison> {
    return tx.compare_tables(so_far, kWalkStep).map([&] { return so_far; });
  };
}

ChainReport report(const ChainWalk &walk) {
  ChainReport report;
  report.records = walk.link.sequence - walk.base.sequence;
  report.base = walk.base;
  report.last = walk.link.sequence;
  report.checkpoints = walk.checkpoints;
  report.signed_through = walk.signed_through;
  report.first_bad = walk.first_bad;
  report.damage = walk.damage;
  return report;
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(const std::string &state_dir, const Clock &clock, Random &random) {
  auto directory = StateDir::open(state_dir, random);
  if (!directory) return tl::unexpected(std::move(directory.error()));
  auto keyring = std::make_unique<Keyring>();
  auto store = SqliteStore::open(**directory, *keyring, clock, random);
  if (!store) return tl::unexpected(std::move(store.error()));
  (*directory)->end_opening();
  StateDir *const key_directory = directory->get();
  return std::make_unique<Ledger>(std::move(*directory), key_directory, std::move(keyring), std::move(*store),
                                  make_thread_executor(), clock, random);
}

Ledger::Ledger(std::unique_ptr<Peers> peers, StateDir *directory, std::unique_ptr<Keyring> keyring,
               std::unique_ptr<Store> store, std::unique_ptr<Executor> executor, const Clock &clock, Random &random)
    : peers_(std::move(peers)),
      directory_(directory),
      keyring_(std::move(keyring)),
      store_(std::move(store)),
      executor_(std::move(executor)),
      clock_(clock),
      random_(random),
      reported_(store_->committed_sequence()) {
  executor_->start(*this);
}

Ledger::~Ledger() {
  stop();
}

void Ledger::stop() noexcept {
  executor_->stop();
}

bool Ledger::submit(const std::shared_ptr<Job> &job) {
  try {
    if (executor_->submit(job)) return true;
    job->fail(Error(Status::ShuttingDown, "the ledger is closed; open a new client"));
  } catch (const std::system_error &) {
    job->fail(Error(Status::Ledger,
                    "the ledger's thread can't be started; raise the limits of threads and memory "
                    "(ulimit -u, ulimit -v, TasksMax=)")
                  .retry());
  }
  return false;
}

void Ledger::run_batch(Batch &batch) noexcept {
  std::optional<Error> lost;
  try {
    try {
      lost = run_jobs(batch);
    } catch (const std::bad_alloc &) {
      throw;
    } catch (const std::exception &e) {
      lost = storage_exception(e.what());
    }
  } catch (const std::bad_alloc &) {
    lost.emplace(Status::OutOfMemory, "memory ran out");
  }
  if (lost) {
    store_->rollback();
    for (const auto &job : batch) job->fail(*lost);
  }
  finish(batch);
}

std::optional<Error> Ledger::run_jobs(const Batch &batch) {
  Durability durability = Durability::Read;
  for (const auto &job : batch) durability = std::max(durability, job->durability());
  auto done = store_->begin(durability);
  for (auto job = batch.begin(); done && job != batch.end(); ++job) {
    done = store_->enter((*job)->durability() != Durability::Read);
    if (!done) break;
    const bool keep = (*job)->run_in(store_->tx());
    done = store_->leave(keep);
  }
  if (done) done = store_->commit();
  if (done) return std::nullopt;
  return std::move(done.error());
}

void Ledger::finish(Batch &batch) noexcept {
  for (const auto &job : batch)
    if (!job->on_loop()) job->finish();
  const std::int64_t newest = store_->committed_sequence();
  const auto notice = newest > reported_ ? on_append() : nullptr;
  reported_ = std::max(reported_, newest);
  loop::Scheduler *const scheduler = scheduler_.load();
  if (scheduler == nullptr) return;
  loop::Scheduler::Posting posting(*scheduler);
  for (auto &job : batch)
    if (job->on_loop()) posting.add(std::move(job));
  if (notice == nullptr) return;
  notice->newest = newest;
  posting.add(notice);
}

void Ledger::set_on_append(std::function<void(std::int64_t)> callback) {
  const std::lock_guard lock(mutex_);
  on_append_ = std::make_shared<AppendNotice>(std::move(callback));
}

std::shared_ptr<Ledger::AppendNotice> Ledger::on_append() const {
  const std::lock_guard lock(mutex_);
  return on_append_;
}

std::string Ledger::damage() const {
  const std::lock_guard lock(mutex_);
  return damage_;
}

Result<std::string> Ledger::seal(std::string_view context, const Secret &secret) const {
  return keyring_->seal(context, secret, random_);
}

Result<Secret> Ledger::open_sealed(std::string_view context, std::string_view sealed) const {
  return keyring_->open(context, sealed);
}

loop::Task<Result<ChainReport>> Ledger::verify(loop::Scope &call, std::int64_t after) {
  auto begin = begin_behind(after);
  auto begun = co_await run(Durability::Read, begin);
  if (!begun) co_return fail(std::move(begun.error()));
  ChainWalk walk = std::move(*begun);
  while (!walk.at_end) {
    if (call.reason()) co_return fail(call.error("checking the journal"));
    auto step = walk_step(walk);
    auto walked = co_await run(Durability::Read, step);
    if (!walked) co_return fail(std::move(walked.error()));
    walk = std::move(*walked);
  }
  if (walk.damage.empty()) {
    auto damage = co_await run(Durability::Process, look_at_end);
    if (!damage) co_return fail(std::move(damage.error()));
    take_in(walk, *damage);
  }
  co_return report(walk);
}

loop::Task<Result<TableComparison>> Ledger::compare_tables(loop::Scope &call) {
  TableComparison so_far;
  while (!so_far.at_end) {
    if (call.reason()) co_return fail(call.error("comparing the requests with the journal"));
    auto step = comparison_step(so_far);
    auto compared = co_await run(Durability::Read, step);
    if (!compared) co_return fail(std::move(compared.error()));
    so_far = std::move(*compared);
  }
  co_return so_far;
}

Result<ChainReport> Ledger::verify_blocking() {
  ChainWalk walk;
  while (!walk.at_end) {
    auto walked = run_blocking(Durability::Read, walk_step(walk));
    if (!walked) return tl::unexpected(std::move(walked.error()));
    walk = std::move(*walked);
  }
  if (walk.damage.empty()) {
    auto damage = run_blocking(Durability::Process, look_at_end);
    if (!damage) return tl::unexpected(std::move(damage.error()));
    take_in(walk, *damage);
  }
  return report(walk);
}

}  // namespace cordon::ledger

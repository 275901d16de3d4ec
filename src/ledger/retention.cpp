// How old records leave the ledger: a step at a time, when nobody waits.

#include <fmt/format.h>

#include "ledger/archive.hpp"
#include "ledger/checkpoint.hpp"
#include "ledger/sqlite_store.hpp"

namespace cordon::ledger {
namespace {

// Few enough that whoever comes meanwhile does not wait for long.
constexpr std::size_t kRecordsInStep = 200;
constexpr auto kPause = std::chrono::hours(1);

}  // namespace

bool SqliteStore::archive_step() noexcept {
  if (retention_ == nanoseconds{} || !keyring_.has_key() || clock_.now() < next_archiving_) return false;
  try {
    const auto moved = move_to_archive();
    archive_problem_ = moved ? std::string() : moved.error().message;
    if (moved && *moved) return true;
  } catch (const std::exception &e) {
    archive_problem_ = e.what();
  }
  rollback();
  archive_.reset();
  next_archiving_ = clock_.now() + kPause;
  return false;
}

/// First into the archive, durably, then out of the ledger: whoever dies in between leaves them in both. False: there
/// is nothing to move, or somebody else is at it.
Result<bool> SqliteStore::move_to_archive() {
  auto begun = begin(Durability::Read);
  if (!begun) return tl::unexpected(std::move(begun.error()));
  const ChainLink base = journal_.base();
  auto records = old_records();
  if (!records) return tl::unexpected(std::move(records.error()));
  if (records->empty()) return false;
  const ChainLink through(records->back());
  auto requests = requests_.ended_through(through.sequence);
  if (!requests) return tl::unexpected(std::move(requests.error()));
  if (auto read = commit_.run(); !read) return tl::unexpected(std::move(read.error()));

  if (!archive_) {
    auto opened = Archive::open(directory_path_, ledger_id_, clock_.utc());
    if (!opened) return tl::unexpected(std::move(opened.error()));
    archive_ = std::move(*opened);
    if (!archive_) return false;
  }
  if (auto put = archive_->put(base, *records, *requests); !put) return tl::unexpected(std::move(put.error()));

  return begin(Durability::Process)
      .and_then([&]() -> Result<void> {
        if (journal_.base() != base) return {};  // somebody else has moved them
        return carry_over(through.sequence)
            .and_then([&] { return requests_.erase_ended_through(through.sequence); })
            .and_then([&] { return journal_.cut_beginning(through, archive_->name(), clock_.utc()); });
      })
      .and_then([&] { return commit(); })
      .map([] { return true; });
}

/// Those at the journal's beginning that are older than the retention, checked: damage is not archived.
Result<std::vector<JournalRow>> SqliteStore::old_records() {
  const UtcTicks cutoff = clock_.utc() - retention_;
  auto rows = journal_.rows_after(journal_.base().sequence, kRecordsInStep);
  if (!rows) return rows;
  ChainWalk walk;
  walk.link = journal_.base();
  std::size_t old = 0;
  for (; old < rows->size() && (*rows)[old].at < cutoff.unix_ticks(); ++old) {
    walk_over(walk, (*rows)[old], keyring_, ledger_id_);
    if (!walk.damage.empty())
      return fail(Status::Ledger, fmt::format("the journal is damaged and stays as it is: {}", walk.damage));
  }
  rows->resize(old);
  return rows;
}

/// What has not ended keeps its row, and a record that this rests on.
Result<void> SqliteStore::carry_over(std::int64_t through) {
  auto rows = requests_.live_through(through);
  if (!rows) return tl::unexpected(std::move(rows.error()));
  for (const RequestRow &row : *rows) {
    const Record record("state", row.id, row.tenant, Json{{"action", row.document}, {"carried", true}}, clock_.utc());
    auto kept = journal_.append(record).and_then([&](std::int64_t sequence) { return requests_.put(row, sequence); });
    if (!kept) return kept;
  }
  return {};
}

}  // namespace cordon::ledger

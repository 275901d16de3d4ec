// What the store finds out about its own soundness.

#include <fmt/format.h>

#include <algorithm>

#include "base/open_file.hpp"
#include "ledger/sqlite_store.hpp"

namespace cordon::ledger {
namespace {

// So many of the newest records are checked when the ledger is opened, signed or not: a few milliseconds.
constexpr std::int64_t kCheckedAtOpen = 500;
constexpr std::size_t kStep = 500;

/// Others tell of something else about a request: that it was refused, or by whom it was taken over.
bool tells_state(const JournalRow &row) {
  const Json body = parse_stored(row.body);
  return body.is_object() && body.contains("action");
}

}  // namespace

Result<Damage> SqliteStore::check_head() {
  const Journal::Tail tail = journal_.tail();
  const auto head = head_->read();
  const auto lost = [](std::string text) {
    Damage damage(std::move(text));
    damage.end_lost = true;
    return damage;
  };
  if (!head) return tail.sequence == 0 ? Damage() : lost("ledger.head, which guards the journal's end, is missing");
  if (head->ledger_id != ledger_id_) return lost("the ledger was put in the place of another one");
  if (head->sequence > tail.sequence)
    return lost(
        fmt::format("the journal was cut off behind record {}: there were {} at least", tail.sequence, head->sequence));
  const auto holds = head->sequence == 0 ? Result<bool>(true) : journal_.holds(head->sequence, head->mac);
  if (!holds) return tl::unexpected(holds.error());
  if (!*holds) return lost(fmt::format("record {} is not the one that was written", head->sequence));
  return Damage();
}

Result<Damage> SqliteStore::check_end() {
  auto damage = check_head();
  if (!damage || damage->found()) return damage;
  const auto begin = journal_.newest_mark(kCheckedAtOpen);
  if (!begin) return tl::unexpected(begin.error());
  ChainWalk walk;
  walk.begun = true;
  walk.link = *begin;
  while (!walk.at_end)
    if (auto walked = journal_.walk(walk, kStep); !walked) return tl::unexpected(std::move(walked.error()));
  damage->text = walk.damage;
  damage->first_bad = walk.first_bad;
  return damage;
}

Result<std::int64_t> SqliteStore::last_record(const RequestId &id) {
  return requests_.last_record(id);
}

Result<std::string> SqliteStore::check_request(const RequestRow &row) {
  const auto sequence = requests_.last_record(row.id);
  if (!sequence) return tl::unexpected(sequence.error());
  return journal_.check_record_of(row, *sequence);
}

Result<void> SqliteStore::compare_tables(TableComparison &so_far, std::size_t limit) {
  if (!keyring_.has_key())
    return fail(Status::VaultLocked, "the ledger can't be checked while it has no key; unlock the vault first");
  return so_far.requests_done ? compare_records(so_far, limit) : compare_requests(so_far, limit);
}

Result<void> SqliteStore::compare_requests(TableComparison &so_far, std::size_t limit) {
  RequestQuery query;
  query.after = RequestId::trusted(so_far.after_request);
  query.limit = limit;
  const auto rows = requests_.list(query);
  if (!rows) return tl::unexpected(rows.error());
  for (const RequestRow &row : *rows) {
    ++so_far.requests;
    const auto differs = check_request(row);
    if (!differs) return tl::unexpected(differs.error());
    if (!differs->empty() && so_far.differences.size() < kMostDifferences)
      so_far.differences.push_back(fmt::format("request {}: {}", row.id.str(), *differs));
  }
  if (!rows->empty()) so_far.after_request = rows->back().id.str();
  so_far.requests_done = rows->size() < limit;
  return {};
}

Result<void> SqliteStore::compare_records(TableComparison &so_far, std::size_t limit) {
  so_far.after_record = std::max(so_far.after_record, journal_.base().sequence);
  const auto rows = journal_.rows_after(so_far.after_record, limit);
  if (!rows) return tl::unexpected(rows.error());
  for (const JournalRow &row : *rows) {
    so_far.after_record = row.sequence;
    if (row.request.empty() || !tells_state(row) || so_far.differences.size() >= kMostDifferences) continue;
    const auto newest = requests_.last_record(RequestId::trusted(row.request));
    if (!newest) return tl::unexpected(newest.error());
    if (*newest == 0)
      so_far.differences.push_back(
          fmt::format("request {}: record {} is about it, but its row is missing", row.request, row.sequence));
    else if (*newest < row.sequence)
      so_far.differences.push_back(fmt::format("request {}: record {} is about it, but its row rests on record {}",
                                               row.request, row.sequence, *newest));
  }
  so_far.at_end = rows->size() < limit;
  return {};
}

Result<void> SqliteStore::sign_journal(UtcTicks now) {
  if (!keyring_.has_key())
    return fail(Status::VaultLocked, "the journal can't be signed while the ledger has no key; unlock the vault first");
  return writing().and_then([&] { return journal_.checkpoint(true, now); });
}

Result<std::vector<ArchiveReport>> SqliteStore::check_archives(const ChainLink &journal_base) const {
  return ledger::check_archives(directory_path_, keyring_, ledger_id_, journal_base);
}

Result<std::vector<std::string>> SqliteStore::check_storage() const {
  const StandardDescriptorsHeld held;
  auto db = Database::open(db_->path());
  if (!db) return tl::unexpected(std::move(db.error()));
  Statement check(**db, "PRAGMA integrity_check(10)");
  Rows rows = check.query();
  std::vector<std::string> findings;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return findings;
    if (rows.text(0) != "ok") findings.push_back(rows.text(0));
  }
}

}  // namespace cordon::ledger

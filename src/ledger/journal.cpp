#include "ledger/journal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "ledger/checkpoint.hpp"

namespace cordon::ledger {
namespace {

// Enough to tell a record that was moved.
constexpr std::int64_t kNeighbours = 16;

/// A JSON array of texts, or empty for no restriction.
std::string json_list(const std::vector<std::string> &words) {
  return words.empty() ? "" : dump(Json(words));
}

}  // namespace

Journal::Journal(Database &db, const Keyring &keyring, std::string owner)
    : db_(db),
      keyring_(keyring),
      owner_(std::move(owner)),
      append_(db, fmt::format("INSERT INTO journal ({}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", kJournalColumns)),
      newest_(db, "SELECT sequence, mac, digest FROM journal ORDER BY sequence DESC LIMIT 1"),
      after_(db, fmt::format("SELECT {} FROM journal WHERE sequence > ?1 AND (?2 = '' OR tenant = ?2)"
                             " AND (?3 = '' OR request_id = ?3)"
                             " AND (?4 = '' OR ?4 = coalesce((SELECT requests.owner FROM requests"
                             " WHERE id = request_id), journal.owner)"
                             " OR (?7 <> '' AND request_id IN (SELECT value FROM json_each(?7))))"
                             " AND (?5 = '' OR kind IN (SELECT value FROM json_each(?5)))"
                             " AND kind NOT IN ('{}', '{}') ORDER BY sequence LIMIT ?6",
                             kJournalColumns, kCheckpointKind, kArchiveKind)),
      changes_(db,
               "SELECT sequence, request_id, tenant, owner FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?"),
      rows_(db, fmt::format("SELECT {} FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?", kJournalColumns)),
      row_(db, fmt::format("SELECT {} FROM journal WHERE sequence = ?", kJournalColumns)),
      newest_of_kind_(db,
                      "SELECT sequence FROM journal WHERE kind = ? AND sequence > ? ORDER BY sequence DESC LIMIT 1"),
      base_text_(db, "SELECT value FROM meta WHERE name = 'journal_base'"),
      put_base_(db,
                "INSERT INTO meta (name, value) VALUES ('journal_base', ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
      cut_(db, "DELETE FROM journal WHERE sequence <= ?") {}

void Journal::set_tail(Tail tail) {
  tail_ = std::move(tail);
  newest_request_.clear();
  if (signed_through_ > tail_.sequence) signed_through_ = 0;  // not known any more
}

Result<void> Journal::reload() {
  Rows base = base_text_.query();
  const auto has_base = base.next();
  if (!has_base) return tl::unexpected(has_base.error());
  base_ = *has_base ? parse_link(base.text(0)).value_or(ChainLink()) : ChainLink();
  Rows rows = newest_.query();
  return rows.next().map(
      [&](bool found) { set_tail(found ? ChainLink(rows.integer(0), rows.text(1), rows.text(2)) : base_); });
}

Result<std::int64_t> Journal::append(const Record &record) {
  if (!keyring_.has_key())
    return fail(Status::VaultLocked, "nothing can be recorded while the ledger has no key; unlock the vault first");
  JournalRow row;
  row.sequence = tail_.sequence + 1;
  row.at = record.at.unix_ticks();
  row.kind = record.kind;
  row.request = record.request.str();
  row.tenant = record.tenant;
  row.owner = owner_;
  row.body = dump(record.body);
  row.key_id = keyring_.key_id();
  row.mac = mac_of(keyring_, tail_.mac, row);
  row.digest = running_digest(tail_.digest, row);
  return append_
      .run(row.sequence, row.at, std::string_view(row.kind), std::string_view(row.request),
           std::string_view(row.tenant), std::string_view(row.owner), std::string_view(row.body), row.key_id,
           Blob(row.mac), Blob(row.digest))
      .map([&] {
        tail_ = ChainLink(row);
        newest_request_ = record.body.contains("action") ? std::move(row.request) : std::string();
        return row.sequence;
      });
}

Result<void> Journal::checkpoint(bool in_any_case, UtcTicks now) {
  if (!keyring_.has_key() || (!in_any_case && tail_.sequence - signed_through_ < kCheckpointEvery)) return {};
  // Another process may have signed.
  const auto newest = newest_of_kind(kCheckpointKind, signed_through_);
  if (!newest) return tl::unexpected(newest.error());
  signed_through_ = std::max({signed_through_, *newest, base_.sequence});
  const std::int64_t without = tail_.sequence - signed_through_;
  if (without == 0 || (!in_any_case && without < kCheckpointEvery)) return {};
  Json body =
      checkpoint_body(keyring_, CheckpointTerms(ledger_id_, tail_, now.unix_ticks(), owner_, keyring_.key_id()));
  return append(Record(kCheckpointKind, RequestId(), "", std::move(body), now)).map([this](std::int64_t sequence) {
    signed_through_ = sequence;
  });
}

Result<void> Journal::cut_beginning(const ChainLink &through, const std::string &archive, UtcTicks now) {
  Json body = {{"through", through.sequence},
               {"mac", hex_encode(through.mac)},
               {"digest", hex_encode(through.digest)},
               {"file", archive}};
  const std::string base = text_of(through);
  return append(Record(kArchiveKind, RequestId(), "", std::move(body), now))
      .and_then([&](std::int64_t) { return cut_.run(through.sequence); })
      .and_then([&] { return put_base_.run(std::string_view(base)); })
      .map([&] { base_ = through; });
}

Result<std::vector<JournalRow>> Journal::rows_after(std::int64_t sequence, std::size_t limit) {
  Rows rows = rows_.query(sequence, static_cast<std::int64_t>(limit));
  std::vector<JournalRow> found;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return found;
    found.push_back(JournalRow::read(rows));
  }
}

Result<std::optional<ChainLink>> Journal::link_at(std::int64_t sequence) {
  if (sequence == base_.sequence) return std::optional(base_);
  Rows rows = row_.query(sequence);
  return rows.next().map(
      [&](bool found) { return found ? std::optional(ChainLink(JournalRow::read(rows))) : std::nullopt; });
}

Result<std::int64_t> Journal::newest_of_kind(const char *kind, std::int64_t after) {
  Rows rows = newest_of_kind_.query(std::string_view(kind), after);
  return rows.next().map([&](bool found) { return found ? rows.integer(0) : 0; });
}

Result<ChainLink> Journal::newest_mark(std::int64_t at_least) {
  const auto checkpoint = newest_of_kind(kCheckpointKind, base_.sequence);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  const std::int64_t least = std::max(std::min(*checkpoint, tail_.sequence - at_least), base_.sequence);
  const auto damage = newest_of_kind(kDamageKind, least);
  if (!damage) return tl::unexpected(damage.error());
  const std::int64_t begin = std::max(least, *damage);
  return link_at(begin).map([this](std::optional<ChainLink> link) { return link ? std::move(*link) : base_; });
}

Result<bool> Journal::is_sound(const JournalRow &row) {
  if (!keyring_.has_key()) return !parse_stored(row.body).is_discarded();
  return link_at(row.sequence - 1).map([&](const std::optional<ChainLink> &before) {
    return before && row.mac == mac_of(keyring_, before->mac, row);
  });
}

Result<std::vector<JournalRecord>> Journal::after(std::int64_t cursor, const EventFilter &filter, std::size_t limit) {
  const std::string kinds = json_list(filter.kinds);
  const std::string requests = json_list(filter.requests);
  Rows rows = after_.query(cursor, std::string_view(filter.tenant), std::string_view(filter.request.str()),
                           std::string_view(filter.owner), std::string_view(kinds), static_cast<std::int64_t>(limit),
                           std::string_view(requests));
  std::vector<JournalRecord> records;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return records;
    JournalRow row = JournalRow::read(rows);
    const auto sound = is_sound(row);
    if (!sound) return tl::unexpected(sound.error());
    if (!*sound && !records.empty()) return records;
    if (!*sound)
      return fail(Status::Ledger, fmt::format("record {0} of the ledger {1} is not what was written; run audit_verify, "
                                              "and go on behind it with after: {0}",
                                              row.sequence, db_.path()));
    JournalRecord record;
    record.sequence = row.sequence;
    record.at = UtcTicks::from_unix_ticks(row.at);
    record.kind = std::move(row.kind);
    record.request = RequestId::trusted(std::move(row.request));
    record.tenant = std::move(row.tenant);
    record.owner = std::move(row.owner);
    record.body = parse_stored(row.body);
    records.push_back(std::move(record));
  }
}

Result<std::vector<Change>> Journal::changes_after(std::int64_t cursor, std::size_t limit) {
  Rows rows = changes_.query(cursor, static_cast<std::int64_t>(limit));
  std::vector<Change> changes;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return changes;
    Change &change = changes.emplace_back();
    change.sequence = rows.integer(0);
    change.request = RequestId::trusted(rows.text(1));
    change.tenant = rows.text(2);
    change.owner = rows.text(3);
  }
}

Result<void> Journal::walk(ChainWalk &walk, std::size_t limit) {
  if (!keyring_.has_key())
    return fail(Status::VaultLocked,
                "the journal can't be checked while the ledger has no key; unlock the vault first");
  if (!walk.begun || walk.link.sequence < base_.sequence) {  // at the beginning, or what was checked has been archived
    walk.begun = true;
    walk.base = walk.link = base_;
    walk.base_vouched = false;
  }
  const auto rows = rows_after(walk.link.sequence, limit);
  if (!rows) return tl::unexpected(rows.error());
  for (const JournalRow &row : *rows) {
    walk_over(walk, row, keyring_, ledger_id_);
    if (walk.damage.empty()) continue;
    walk.at_end = true;
    return tell_if_moved(walk, row);
  }
  walk.at_end = rows->size() < limit;
  return {};
}

Result<void> Journal::tell_if_moved(ChainWalk &walk, const JournalRow &row) {
  const auto around = rows_after(row.sequence - kNeighbours - 1, 2 * kNeighbours + 1);
  if (!around) return tl::unexpected(around.error());
  if (const std::int64_t place = written_as(row, *around, keyring_); place != 0)
    walk.damage = fmt::format("record {} was moved: it was written as record {}", row.sequence, place);
  return {};
}

Result<std::string> Journal::check_record_of(const RequestRow &request, std::int64_t sequence) {
  if (sequence != 0 && sequence <= base_.sequence && is_ended(request.state)) return std::string();  // archived
  const auto rows = rows_after(sequence - 1, 1);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty() || rows->front().sequence != sequence)
    return fmt::format("record {}, on which it rests, is missing", sequence);
  const JournalRow &row = rows->front();
  const auto sound = is_sound(row);
  if (!sound) return tl::unexpected(sound.error());
  if (!*sound) return fmt::format("record {}, on which it rests, is not what was written", sequence);
  const Json body = parse_stored(row.body);
  const Json action = body.is_object() ? body.value("action", Json::object()) : Json::object();
  const auto differs = [&](const char *what) {
    return fmt::format("its row and record {} differ in the {}", sequence, what);
  };
  if (row.request != request.id.str()) return differs("request");
  if (row.tenant != request.tenant) return differs("tenant");
  if (text_or(action, "state") != state_name(request.state)) return differs("state");
  if (text_or(action, "operation") != request.operation) return differs("operation");
  if (text_or(action, "machine_id") != request.machine.str()) return differs("machine");
  if (text_or(action, "action_id") != request.action_id.str()) return differs("action");
  return std::string();
}

Result<bool> Journal::holds(std::int64_t sequence, std::string_view mac) {
  if (sequence < base_.sequence) return true;  // it is in an archive, and the base follows from it
  return link_at(sequence).map([&](const std::optional<ChainLink> &link) { return link && link->mac == mac; });
}

}  // namespace cordon::ledger

#include "ledger/journal.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::ledger {
namespace {

constexpr const char *kColumns = "sequence, at, kind, request_id, tenant, owner, body, key_id, mac";

/// A JSON array of texts, or empty for no restriction.
std::string json_list(const std::vector<std::string> &words) {
  return words.empty() ? "" : dump(Json(words));
}

}  // namespace

struct Journal::Row {
  Row() {}
  std::int64_t sequence = 0;
  std::int64_t at = 0;
  std::string kind, request, tenant, owner, body;
  std::int64_t key_id = 0;
  std::string mac;
};

Journal::Journal(Database &db, const Keyring &keyring, std::string owner)
    : db_(db),
      keyring_(keyring),
      owner_(std::move(owner)),
      append_(db, fmt::format("INSERT INTO journal ({}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", kColumns)),
      newest_(db, "SELECT sequence, mac FROM journal ORDER BY sequence DESC LIMIT 1"),
      after_(db, fmt::format("SELECT {} FROM journal WHERE sequence > ?1 AND (?2 = '' OR tenant = ?2)"
                             " AND (?3 = '' OR request_id = ?3) AND (?4 = '' OR owner = ?4)"
                             " AND (?5 = '' OR kind IN (SELECT value FROM json_each(?5)))"
                             " ORDER BY sequence LIMIT ?6",
                             kColumns)),
      changes_(db,
               "SELECT sequence, request_id, tenant, owner FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?"),
      walk_(db, fmt::format("SELECT {} FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?", kColumns)),
      mac_of_(db, "SELECT mac FROM journal WHERE sequence = ?") {}

Journal::Row Journal::read(const Rows &rows) {
  Row row;
  row.sequence = rows.integer(0);
  row.at = rows.integer(1);
  row.kind = rows.text(2);
  row.request = rows.text(3);
  row.tenant = rows.text(4);
  row.owner = rows.text(5);
  row.body = rows.text(6);
  row.key_id = rows.integer(7);
  row.mac = rows.text(8);
  return row;
}

std::string Journal::mac(std::string_view previous, const Row &row) const {
  return Keyring::Mac(keyring_, previous)
      .field(row.sequence)
      .field(row.at)
      .field(row.kind)
      .field(row.request)
      .field(row.tenant)
      .field(row.owner)
      .field(row.body)
      .field(row.key_id)
      .finish();
}

Result<void> Journal::reload() {
  Rows rows = newest_.query();
  return rows.next().map([&](bool found) {
    tail_ = Tail();
    if (found) tail_ = Tail{rows.integer(0), rows.text(1)};
  });
}

Result<std::int64_t> Journal::append(const Record &record) {
  if (!keyring_.has_key())
    return fail(Status::VaultLocked, "nothing can be recorded while the ledger has no key; unlock the vault first");
  Row row;
  row.sequence = tail_.sequence + 1;
  row.at = record.at.unix_ticks();
  row.kind = record.kind;
  row.request = record.request.str();
  row.tenant = record.tenant;
  row.owner = owner_;
  row.body = dump(record.body);
  row.key_id = keyring_.key_id();
  row.mac = mac(tail_.mac, row);
  return append_
      .run(row.sequence, row.at, std::string_view(row.kind), std::string_view(row.request),
           std::string_view(row.tenant), std::string_view(row.owner), std::string_view(row.body), row.key_id,
           Blob(row.mac))
      .map([&] {
        tail_ = Tail{row.sequence, row.mac};
        return row.sequence;
      });
}

Result<std::vector<JournalRecord>> Journal::after(std::int64_t cursor, const EventFilter &filter, std::size_t limit) {
  const std::string kinds = json_list(filter.kinds);
  Rows rows = after_.query(cursor, std::string_view(filter.tenant), std::string_view(filter.request.str()),
                           std::string_view(filter.owner), std::string_view(kinds), static_cast<std::int64_t>(limit));
  std::vector<JournalRecord> records;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return records;
    Row row = read(rows);
    JournalRecord record;
    record.sequence = row.sequence;
    record.at = UtcTicks::from_unix_ticks(row.at);
    record.kind = std::move(row.kind);
    record.request = RequestId::trusted(std::move(row.request));
    record.tenant = std::move(row.tenant);
    record.owner = std::move(row.owner);
    record.body = Json::parse(row.body, nullptr, false);
    if (record.body.is_discarded())
      return fail(Status::Ledger,
                  fmt::format("record {} of the ledger {} is damaged; run audit_verify", row.sequence, db_.path()));
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
  if (walk.mac.empty()) walk.mac = Tail().mac;
  Rows rows = walk_.query(walk.sequence, static_cast<std::int64_t>(limit));
  for (std::size_t seen = 0; walk.damage.empty(); ++seen) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) {
      walk.at_end = seen < limit;
      return {};
    }
    const Row row = read(rows);
    if (row.sequence != walk.sequence + 1)
      walk.damage = fmt::format("record {} is missing: {} follows {}", walk.sequence + 1, row.sequence, walk.sequence);
    else if (row.key_id != keyring_.key_id())
      walk.damage = fmt::format("record {} names a key that is not this ledger's", row.sequence);
    else if (row.mac != mac(walk.mac, row))
      walk.damage = fmt::format("record {} is not what was written: its MAC does not fit", row.sequence);
    else
      walk.mac = row.mac, walk.sequence = row.sequence;
  }
  walk.at_end = true;
  return {};
}

Result<std::string> Journal::check_newest() {
  ChainWalk last;
  if (tail_.sequence == 0) return std::string();
  if (tail_.sequence > 1) {
    Rows rows = mac_of_.query(tail_.sequence - 1);
    const auto found = rows.next();
    if (!found) return tl::unexpected(found.error());
    if (!*found) return fmt::format("record {} is missing", tail_.sequence - 1);
    last.sequence = tail_.sequence - 1;
    last.mac = rows.text(0);
  }
  return walk(last, 1).map([&] { return last.damage; });
}

Result<bool> Journal::holds(std::int64_t sequence, std::string_view mac) {
  Rows rows = mac_of_.query(sequence);
  return rows.next().map([&](bool found) { return found && rows.text(0) == mac; });
}

}  // namespace cordon::ledger

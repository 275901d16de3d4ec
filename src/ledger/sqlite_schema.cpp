#include "ledger/sqlite_schema.hpp"

#include <fmt/format.h>

#include <vector>

#include "ledger/journal_row.hpp"
#include "ledger/migration.hpp"

namespace cordon::ledger {
namespace {

// Times named *_at are UTC in 100-ns ticks. Boot times are nanoseconds of the boot clock under the row's boot_id. A
// key's `change` counts what happened to its slots; each slot keeps the number of its own last change.
constexpr const char *kTables = R"sql(
CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger_keys (
  key_id INTEGER NOT NULL,
  wrap   TEXT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (key_id, wrap)
) STRICT;

CREATE TABLE journal (
  sequence   INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  request_id TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  owner      TEXT NOT NULL,
  body       TEXT NOT NULL,
  key_id     INTEGER NOT NULL,
  mac        BLOB NOT NULL
) STRICT;

CREATE TABLE requests (
  number          INTEGER PRIMARY KEY,
  id              TEXT NOT NULL UNIQUE,
  tenant          TEXT NOT NULL,
  operation       TEXT NOT NULL,
  machine_id      TEXT NOT NULL,
  match_key       TEXT NOT NULL,
  idempotency_key TEXT,
  fingerprint     TEXT NOT NULL,
  parameters      TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  lane            TEXT NOT NULL,
  state           TEXT NOT NULL,
  ended           INTEGER NOT NULL,
  key_free        INTEGER NOT NULL,
  action_id       TEXT,
  document        TEXT NOT NULL,
  progress        TEXT NOT NULL,
  updated_at      INTEGER NOT NULL,
  expires_at      INTEGER NOT NULL,
  owner           TEXT NOT NULL,
  boot_id         TEXT NOT NULL,
  deadline        INTEGER NOT NULL,
  closed          INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX requests_idempotency ON requests (tenant, idempotency_key)
  WHERE idempotency_key IS NOT NULL AND key_free = 0;
CREATE INDEX requests_live ON requests (match_key) WHERE ended = 0;
CREATE INDEX requests_history ON requests (machine_id, operation);
CREATE INDEX requests_device ON requests (tenant, machine_id) WHERE ended = 0;
CREATE INDEX requests_in_flight ON requests (tenant) WHERE state IN ('pending', 'in_progress');
CREATE INDEX requests_at_work ON requests (owner) WHERE state IN ('queued', 'sending', 'unknown');
CREATE INDEX requests_action ON requests (action_id) WHERE action_id IS NOT NULL;

CREATE TABLE quota_keys (
  key_id     INTEGER PRIMARY KEY,
  key        TEXT NOT NULL UNIQUE,
  boot_id    TEXT NOT NULL,
  cooled     INTEGER NOT NULL,
  cool_until INTEGER NOT NULL,
  change     INTEGER NOT NULL
) STRICT;

CREATE TABLE quota_slots (
  slot    INTEGER PRIMARY KEY,
  key_id  INTEGER NOT NULL,
  owner   TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  granted INTEGER NOT NULL,
  ended   INTEGER,
  change  INTEGER NOT NULL
) STRICT;
CREATE INDEX quota_changes ON quota_slots (key_id, change);
CREATE INDEX quota_open ON quota_slots (owner) WHERE ended IS NULL;

CREATE TABLE clients (
  owner TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  name    TEXT PRIMARY KEY,
  owner   TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  fingerprint TEXT PRIMARY KEY,
  sealed      BLOB NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// The digest lets an auditor check the journal without a key (JOURNAL.md); last_record is the record that a request's
// row rests on.
constexpr const char *kDigests = R"sql(
ALTER TABLE journal ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
ALTER TABLE requests ADD COLUMN last_record INTEGER NOT NULL DEFAULT 0;
)sql";

Result<std::vector<JournalRow>> rows_behind(Database &db, std::int64_t sequence) {
  Statement read(db,
                 fmt::format("SELECT {} FROM journal WHERE sequence > ? ORDER BY sequence LIMIT 500", kJournalColumns));
  std::vector<JournalRow> found;
  Rows rows = read.query(sequence);
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return found;
    found.push_back(JournalRow::read(rows));
  }
}

Result<void> fill_digests(Database &db) {
  Statement write(db, "UPDATE journal SET digest = ?2 WHERE sequence = ?1");
  ChainLink link;
  for (;;) {
    auto step = rows_behind(db, link.sequence);
    if (!step) return tl::unexpected(step.error());
    if (step->empty()) break;
    for (JournalRow &row : *step) {
      row.digest = running_digest(link.digest, row);
      link = ChainLink(row);
      if (auto written = write.run(row.sequence, Blob(row.digest)); !written) return written;
    }
  }
  return db.execute(
      "UPDATE requests SET last_record = newest.sequence FROM"
      " (SELECT request_id, max(sequence) AS sequence FROM journal WHERE CASE WHEN json_valid(body) THEN"
      "   json_type(body, '$.action') END = 'object' GROUP BY request_id) AS newest"
      " WHERE newest.request_id = requests.id");
}

/// A change of the tables is one more step; a released one stays as it is, for there are files made by it.
const Migrations &migrations() {
  static const Migrations steps = {
      Migration(1, 1, 1, kTables),
      Migration(2, 1, 2, kDigests, fill_digests),
  };
  return steps;
}

Result<std::int64_t> single_integer(Database &db, const char *sql) {
  Statement statement(db, sql);
  Rows rows = statement.query();
  return rows.next().map([&](bool found) { return found ? rows.integer(0) : 0; });
}

/// Inside a transaction.
Result<void> create(Database &db, std::string_view ledger_id) {
  const auto application = single_integer(db, "PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  if (*application == kApplicationId) return {};  // another process was quicker
  for (const Migration &step : migrations())
    if (auto done = apply(db, step); !done) return done;
  Statement put(db, "INSERT INTO meta (name, value) VALUES ('ledger_id', ?)");
  return put.run(ledger_id).and_then(
      [&] { return db.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str()); });
}

}  // namespace

std::int64_t newest_schema() {
  return migrations().back().version;
}

Result<void> prepare_schema(Database &db, std::string_view ledger_id) {
  const auto application = single_integer(db, "PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  if (*application == 0) {
    const auto tables = single_integer(db, "SELECT count(*) FROM sqlite_schema");
    if (!tables) return tl::unexpected(tables.error());
    if (*tables == 0) {
      if (auto made = in_transaction(db, [&] { return create(db, ledger_id); }); !made) return made;
      return VersionBounds(db).check(newest_schema());
    }
  }
  // Between the two looks another process may have made it.
  const auto now = single_integer(db, "PRAGMA application_id");
  if (!now) return tl::unexpected(now.error());
  if (*now != kApplicationId)
    return fail(Status::Ledger,
                fmt::format("{} is an SQLite file, but not a ledger of Cordon; name another state_dir", db.path()));
  return VersionBounds(db).check(newest_schema()).and_then([&] { return migrate(db, migrations()); });
}

}  // namespace cordon::ledger

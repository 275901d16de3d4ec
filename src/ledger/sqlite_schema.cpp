#include "ledger/sqlite_schema.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/text.hpp"

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

Result<std::int64_t> single_integer(Database &db, const char *sql) {
  Statement statement(db, sql);
  Rows rows = statement.query();
  return rows.next().map([&](bool found) { return found ? rows.integer(0) : 0; });
}

Result<std::int64_t> version(Database &db, const char *name) {
  Statement statement(db, "SELECT value FROM meta WHERE name = ?");
  Rows rows = statement.query(std::string_view(name));
  return rows.next().map([&](bool found) { return found ? parse_int(rows.text(0)).value_or(INT64_MAX) : INT64_MAX; });
}

Result<void> create(Database &db, std::string_view ledger_id) {
  Statement put(db, "INSERT INTO meta (name, value) VALUES (?, ?)");
  const std::string number = std::to_string(kSchemaVersion);
  return db.execute("BEGIN IMMEDIATE")
      .and_then([&] { return db.execute(kTables); })
      .and_then([&] { return put.run(std::string_view("schema"), std::string_view(number)); })
      .and_then([&] { return put.run(std::string_view("min_reader"), std::string_view(number)); })
      .and_then([&] { return put.run(std::string_view("min_writer"), std::string_view(number)); })
      .and_then([&] { return put.run(std::string_view("ledger_id"), ledger_id); })
      .and_then([&] { return db.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str()); })
      .and_then([&] { return db.execute("COMMIT"); });
}

Result<void> check(Database &db) {
  for (const char *bound : {"min_reader", "min_writer"}) {
    const auto least = version(db, bound);
    if (!least) return tl::unexpected(least.error());
    if (*least > kSchemaVersion)
      return fail(Status::Ledger,
                  fmt::format("the ledger {} was written by a newer release ({} {}; this one is {}); use "
                              "that release, or a state_dir of its own for this one",
                              db.path(), bound, *least, kSchemaVersion));
  }
  return {};
}

}  // namespace

Result<void> prepare_schema(Database &db, std::string_view ledger_id) {
  const auto application = single_integer(db, "PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  if (*application == kApplicationId) return check(db);
  const auto tables = single_integer(db, "SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  if (*application != 0 || *tables != 0)
    return fail(Status::Ledger,
                fmt::format("{} is an SQLite file, but not a ledger of Cordon; name another state_dir", db.path()));
  return create(db, ledger_id);
}

}  // namespace cordon::ledger

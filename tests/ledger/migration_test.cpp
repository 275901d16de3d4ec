#include <gmock/gmock.h>

#include <thread>

#include "ledger/sqlite_schema.hpp"
#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

using ::testing::HasSubstr;

/// The tables as the first schema had them, with what a client of that time wrote: a request that was queued, then
/// pending.
constexpr const char *kFirstLedger = R"sql(
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

PRAGMA application_id = 1131570286;
INSERT INTO meta (name, value) VALUES
  ('schema', '1'), ('min_reader', '1'), ('min_writer', '1'), ('ledger_id', '11111111-2222-4333-8444-555555555555');
)sql";

class MigrationTest : public LedgerTest {
 protected:
  void SetUp() override {}

  /// A file of the first schema: its records are those of a ledger of today, without what was added since.
  void make_old_file() {
    open();
    for (const char *text : {"queued", "pending"})
      ASSERT_TRUE(write([&](Tx &tx) {
        RequestRow row = request_row("1");
        row.document["state"] = text;
        row.state = *parse_state(text);
        return tx.append(Record("state", row.id, row.tenant, Json{{"action", row.document}}, row.updated))
            .and_then([&](std::int64_t) { return tx.put_request(row); });
      }));
    close();
    const std::string newer = directory_.state_dir() + "/ledger.db";
    const std::string aside = directory_.path() + "/aside.db";
    std::filesystem::rename(newer, aside);
    std::filesystem::remove(newer + "-wal");
    std::filesystem::remove(newer + "-shm");
    RawFile file(directory_.state_dir());
    file.run(kFirstLedger);
    file.run("ATTACH '" + aside + "' AS newer");
    for (const char *table : {"journal", "requests", "ledger_keys"}) copy(file, table);
    file.run(
        "UPDATE meta SET value = (SELECT value FROM newer.meta WHERE name = 'ledger_id') WHERE name = 'ledger_id'");
    std::filesystem::permissions(newer, std::filesystem::perms(0600));
  }
  void copy(RawFile &file, const std::string &table) {
    const std::string columns = file.text("SELECT group_concat(name) FROM pragma_table_info('" + table + "', 'main')");
    file.run(fmt::format("INSERT INTO main.{0} ({1}) SELECT {1} FROM newer.{0}", table, columns));
  }
  std::string in_file(const std::string &sql) { return RawFile(directory_.state_dir()).text(sql); }
};

TEST_F(MigrationTest, AFileOfTheFirstSchemaIsMigratedAndGoesOn) {
  make_old_file();
  open();
  EXPECT_EQ(ledger_->damage(), "");
  EXPECT_EQ(in_file("SELECT value FROM meta WHERE name = 'schema'"), std::to_string(newest_schema()));
  EXPECT_EQ(in_file("SELECT last_record FROM requests"), "2");
  EXPECT_EQ(in_file("SELECT count(*) FROM journal WHERE length(digest) <> 32"), "0");
  const auto report = ledger_->verify_blocking();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->intact()) << report->damage;
  const auto row = read([](Tx &tx) { return tx.request(request_row("1").id); });
  ASSERT_TRUE(row && *row);
  EXPECT_EQ((*row)->state, State::Pending);
  EXPECT_EQ(read([&](Tx &tx) { return tx.check_request(**row); }), "");
  EXPECT_EQ(append("goes on"), 4) << "behind two records and a checkpoint";
}

TEST_F(MigrationTest, AMigrationThatFailsLeavesTheFileAsItWas) {
  make_old_file();
  RawFile(directory_.state_dir()).run("ALTER TABLE requests ADD COLUMN last_record INTEGER NOT NULL DEFAULT 7");
  const auto opened = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().status, Status::Ledger);
  EXPECT_THAT(opened.error().message, HasSubstr(directory_.state_dir() + "/ledger.db"));
  EXPECT_EQ(in_file("SELECT value FROM meta WHERE name = 'schema'"), "1");
  EXPECT_EQ(in_file("SELECT count(*) FROM pragma_table_info('journal') WHERE name = 'digest'"), "0");
}

TEST_F(MigrationTest, AReleaseThatOnlyAddsRunsSideBySide) {
  open();
  RawFile(directory_.state_dir())
      .run(
          "ALTER TABLE requests ADD COLUMN of_the_future TEXT; CREATE TABLE future (x); UPDATE meta SET value = '99'"
          " WHERE name = 'schema'");
  ASSERT_EQ(append("while it is open"), 1);
  close();
  open();
  EXPECT_EQ(append("after it was opened again"), 3);
  EXPECT_EQ(in_file("SELECT value FROM meta WHERE name = 'schema'"), "99") << "nobody takes back what is newer";
}

TEST_F(MigrationTest, AReleaseThatAsksForNewerWritersStopsThisOneAtItsNextUse) {
  open();
  ASSERT_EQ(append("before"), 1);
  RawFile(directory_.state_dir()).run("UPDATE meta SET value = '99' WHERE name = 'min_writer'");
  const auto refused = append("after");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::Ledger);
  EXPECT_THAT(refused.error().message, HasSubstr("newer release (min_writer 99"));
  EXPECT_FALSE(append("and again")) << "not only the first time";
  close();
  EXPECT_EQ(in_file("SELECT count(*) FROM journal"), "1");
}

}  // namespace
}  // namespace cordon::ledger::test

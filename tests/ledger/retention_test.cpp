#include <gmock/gmock.h>

#include <thread>

#include "base/text.hpp"
#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr auto kRetention = std::chrono::hours(24 * 90);

class RetentionTest : public LedgerTest {
 protected:
  void SetUp() override {}

  void open_keeping() {
    open_without_key();
    ledger_->set_retention(kRetention);
    ASSERT_TRUE(ledger_->use_key(Secret(std::string(32, 'k')), "vault-1"));
  }
  UtcTicks old() const { return clock_.utc() - kRetention - std::chrono::hours(1); }

  /// A request that was queued and then got to this state, recorded at that time.
  void put(const std::string &digits, State state, UtcTicks at) {
    for (const State step : {State::Queued, state}) {
      const auto done = write([&](Tx &tx) {
        RequestRow row = request_row(digits);
        row.state = step;
        row.document["state"] = state_name(step);
        return tx.append(Record("state", row.id, row.tenant, Json{{"action", row.document}}, at))
            .and_then([&](std::int64_t) { return tx.put_request(row); });
      });
      ASSERT_TRUE(done) << done.error().message;
    }
  }
  /// Old requests that have ended, then a young one. Nothing is moved yet.
  void fill(int requests) {
    open();
    for (int i = 1; i <= requests; ++i) put(std::to_string(i), State::Succeeded, old());
    put("9999", State::Succeeded, clock_.utc());
    close();
  }
  std::int64_t base() {
    return *read([](Tx &tx) -> Result<std::int64_t> { return tx.journal_base().sequence; });
  }
  std::string problem() {
    return *read([](Tx &tx) -> Result<std::string> { return tx.archive_problem(); });
  }
  /// Upkeep comes when nobody waits: waits until it has got so far.
  template <class F>
  void wait_for(F reached) {
    for (int i = 0; i < 3000 && !reached(); ++i) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_TRUE(reached()) << "archived through record " << base() << ": " << problem();
  }
  void wait_for_base(std::int64_t record) {
    wait_for([&] { return base() >= record; });
    EXPECT_EQ(base(), record);
  }
  std::vector<ArchiveReport> archives() {
    const ChainLink link = *read([](Tx &tx) -> Result<ChainLink> { return tx.journal_base(); });
    auto reports = ledger_->check_archives(link);
    EXPECT_TRUE(reports) << reports.error().message;
    return reports ? *reports : std::vector<ArchiveReport>();
  }
  void expect_all_sound(std::size_t files) {
    const auto report = ledger_->verify_blocking();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->damage, "");
    const auto found = archives();
    EXPECT_EQ(found.size(), files);
    for (const ArchiveReport &archive : found) EXPECT_EQ(archive.damage, "") << archive.file;
  }
  static std::string in(const std::string &file, const std::string &sql) {
    sqlite3 *db = nullptr;
    sqlite3_open(file.c_str(), &db);
    std::string out;
    const auto keep = [](void *to, int, char **values, char **) {
      *static_cast<std::string *>(to) = values[0] != nullptr ? values[0] : "";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), keep, &out, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
    return out;
  }
};

TEST_F(RetentionTest, OldRecordsAndEndedRequestsMoveAndBothChainsHold) {
  fill(300);
  open_keeping();
  wait_for_base(600);  // what is young stays
  EXPECT_EQ(problem(), "");
  expect_all_sound(1);
  EXPECT_FALSE(*read([](Tx &tx) { return tx.request(request_row("300").id); }));
  EXPECT_TRUE(*read([](Tx &tx) { return tx.request(request_row("9999").id); }));
  const std::string file = archives().front().file;
  EXPECT_EQ(in(file, "SELECT count(*) FROM journal"), "600");
  EXPECT_EQ(in(file, "SELECT count(*) FROM requests"), "300");
  EXPECT_EQ(in(file, "SELECT row ->> 'state' FROM requests WHERE id LIKE '%000007'"), "succeeded");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms(0600));
  ASSERT_FALSE(events().empty());
  EXPECT_EQ(events().front().sequence, 601);
  close();
  open();
  EXPECT_EQ(ledger_->damage(), "");
  EXPECT_TRUE(append("goes on"));
  expect_all_sound(1);
}

TEST_F(RetentionTest, ARequestThatHasNotEndedStaysAndItsStateIsRecordedAnew) {
  open();
  put("1", State::Pending, old());
  put("2", State::Succeeded, old());
  close();
  open_keeping();
  wait_for([&] { return base() >= 4; });
  const auto row = *read([](Tx &tx) { return tx.request(request_row("1").id); });
  ASSERT_TRUE(row);
  EXPECT_EQ(row->state, State::Pending);
  EXPECT_EQ(*read([&](Tx &tx) { return tx.check_request(*row); }), "");
  EXPECT_GT(*read([&](Tx &tx) { return tx.last_record(row->id); }), base());
  expect_all_sound(1);
}

TEST_F(RetentionTest, WhoeverDiesBetweenTheTwoStepsLeavesNothingTwice) {
  fill(20);
  const std::string state = directory_.state_dir();
  const std::string copy = directory_.path() + "/copy.db";
  fs::copy_file(state + "/ledger.db", copy);
  open_keeping();
  wait_for_base(40);
  close();
  // As if the ledger's half had not been committed: the records are in both.
  fs::remove(state + "/ledger.db-wal");
  fs::remove(state + "/ledger.db-shm");
  fs::copy_file(copy, state + "/ledger.db", fs::copy_options::overwrite_existing);
  fs::permissions(state + "/ledger.db", fs::perms(0600));
  fs::remove(state + "/ledger.head");
  open_keeping();
  wait_for_base(40);
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(in(archives().front().file, "SELECT count(*) FROM journal"), "40");
  for (const ArchiveReport &archive : archives()) EXPECT_EQ(archive.damage, "");
}

TEST_F(RetentionTest, TwoClientsAtOnceMoveEverythingOnce) {
  fill(300);
  open_keeping();
  auto second = Ledger::open(directory_.state_dir(), clock_, random_);
  ASSERT_TRUE(second);
  (*second)->set_retention(kRetention);
  ASSERT_TRUE((*second)->use_key(Secret(std::string(32, 'k')), "vault-1"));
  wait_for_base(600);
  (*second)->stop();
  EXPECT_EQ(in(archives().front().file, "SELECT count(*) FROM journal"), "600");
  expect_all_sound(1);
}

TEST_F(RetentionTest, DamageIsNotArchived) {
  fill(5);
  RawFile(directory_.state_dir()).run("UPDATE journal SET body = '{}' WHERE sequence = 3");
  open_keeping();
  wait_for([&] { return !problem().empty(); });
  EXPECT_THAT(problem(), HasSubstr("record 3"));
  EXPECT_EQ(base(), 0);
}

TEST_F(RetentionTest, AChangedOrMissingArchiveRecordIsNamed) {
  fill(5);
  open_keeping();
  wait_for_base(10);
  const std::string file = archives().front().file;
  in(file, "UPDATE journal SET body = body || ' ' WHERE sequence = 4");
  EXPECT_THAT(archives().front().damage, HasSubstr("record 4"));
  in(file, "DELETE FROM journal WHERE sequence >= 4");
  EXPECT_THAT(archives().front().damage, HasSubstr("does not follow"));
}

TEST_F(RetentionTest, AJournalWhoseBeginningWasCutIsNotBelieved) {
  open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(append("x"));
  close();
  RawFile file(directory_.state_dir());
  const std::string link = file.text(
      "SELECT '3 ' || lower(hex(mac)) || ' ' || lower(hex(digest)) FROM journal WHERE"
      " sequence = 3");
  file.run("DELETE FROM journal WHERE sequence <= 3; INSERT INTO meta VALUES ('journal_base', '" + link + "')");
  open();
  EXPECT_THAT(ledger_->verify_blocking()->damage, HasSubstr("no record says that those were archived"));
}

}  // namespace
}  // namespace cordon::ledger::test

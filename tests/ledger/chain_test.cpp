#include <gmock/gmock.h>

#include <fstream>

#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

using ::testing::HasSubstr;

class ChainTest : public LedgerTest {
 protected:
  void SetUp() override {
    LedgerTest::SetUp();
    for (int i = 1; i <= 5; ++i) ASSERT_EQ(append("record " + std::to_string(i)), i);
  }
  std::string damage() {
    const auto report = ledger_->verify_blocking();
    EXPECT_TRUE(report) << report.error().message;
    return report ? report->damage : "";
  }
  /// What verify says while the change holds.
  std::string damage_after(const std::string &change, const std::string &back) {
    RawFile file(directory_.state_dir());
    file.run(change);
    const std::string found = damage();
    file.run(back);
    return found;
  }
};

TEST_F(ChainTest, AnUntouchedJournalHolds) {
  const auto report = ledger_->verify_blocking();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->intact());
  EXPECT_EQ(report->records, 5);
  EXPECT_EQ(ledger_->damage(), "");
}

TEST_F(ChainTest, EveryFlippedByteOfABodyAndOfAMacIsFoundAndItsRecordNamed) {
  RawFile file(directory_.state_dir());
  for (const char *column : {"body", "mac"}) {
    const std::string hex = file.text(fmt::format("SELECT hex({}) FROM journal WHERE sequence = 3", column));
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      std::string changed = hex;
      changed[i + 1] = changed[i + 1] == '0' ? '1' : '0';
      const bool text = std::string(column) == "body";
      const auto set = [&](const std::string &value) {
        return fmt::format("UPDATE journal SET {} = {} WHERE sequence = 3", column,
                           text ? fmt::format("CAST(x'{}' AS TEXT)", value) : fmt::format("x'{}'", value));
      };
      EXPECT_THAT(damage_after(set(changed), set(hex)), HasSubstr("record 3 is not what was written"))
          << column << " byte " << i / 2;
    }
  }
  EXPECT_EQ(damage(), "");
}

TEST_F(ChainTest, AChangeOfAnyOtherFieldIsFound) {
  const auto changed = [&](const char *column, const char *value) {
    RawFile file(directory_.state_dir());
    const std::string old = file.text(fmt::format("SELECT quote({}) FROM journal WHERE sequence = 2", column));
    return damage_after(fmt::format("UPDATE journal SET {} = {} WHERE sequence = 2", column, value),
                        fmt::format("UPDATE journal SET {} = {} WHERE sequence = 2", column, old));
  };
  EXPECT_THAT(changed("at", "at + 1"), HasSubstr("record 2"));
  EXPECT_THAT(changed("kind", "'other'"), HasSubstr("record 2"));
  EXPECT_THAT(changed("request_id", "'x'"), HasSubstr("record 2"));
  EXPECT_THAT(changed("tenant", "'fabrikam'"), HasSubstr("record 2"));
  EXPECT_THAT(changed("owner", "'me'"), HasSubstr("record 2"));
  EXPECT_THAT(changed("key_id", "2"), HasSubstr("record 2 names a key"));
}

TEST_F(ChainTest, ARecordTakenOutOrMovedIsFound) {
  EXPECT_THAT(damage_after("UPDATE journal SET sequence = -3 WHERE sequence = 3",
                           "UPDATE journal SET sequence = 3 WHERE sequence = -3"),
              HasSubstr("record 3 is missing"));
  EXPECT_THAT(damage_after("UPDATE journal SET sequence = -sequence WHERE sequence IN (2, 3);"
                           "UPDATE journal SET sequence = 5 + sequence WHERE sequence < 0",
                           "UPDATE journal SET sequence = -sequence WHERE sequence IN (2, 3);"
                           "UPDATE journal SET sequence = 5 + sequence WHERE sequence < 0"),
              HasSubstr("record 2 was moved: it was written as record 3"));
  EXPECT_EQ(damage(), "");
}

TEST_F(ChainTest, ATailCutOffIsFoundWhenTheLedgerIsOpenedAndRecorded) {
  close();
  RawFile(directory_.state_dir()).run("DELETE FROM journal WHERE sequence > 3");
  open();
  EXPECT_THAT(ledger_->damage(), HasSubstr("cut off behind record 3: there were 5"));
  ASSERT_EQ(events(3).size(), 1u);
  EXPECT_EQ(events(3)[0].kind, "damage");
  close();
  open();
  EXPECT_EQ(ledger_->damage(), "");
}

TEST_F(ChainTest, ATailCutOffWhileTheLedgerIsOpenIsFoundBeforeAndAfterTheNextRecord) {
  RawFile(directory_.state_dir()).run("DELETE FROM journal WHERE sequence > 3");
  EXPECT_THAT(damage(), HasSubstr("record 5 is not the one that was written"));
  ASSERT_EQ(append("goes on"), 6);
  EXPECT_THAT(damage(), HasSubstr("record 4 is missing: 6 follows 3"));
}

TEST_F(ChainTest, AChangedNewestRecordIsFoundWhenTheLedgerIsOpened) {
  close();
  RawFile(directory_.state_dir()).run("UPDATE journal SET body = '{}' WHERE sequence = 5");
  open();
  EXPECT_THAT(ledger_->damage(), HasSubstr("record 5 is not what was written"));
  ASSERT_EQ(append("goes on"), 8) << "behind the checkpoint of the first client and the record of the damage";
  EXPECT_THAT(damage(), HasSubstr("record 5"));
}

TEST_F(ChainTest, ALostHeadAndAForeignLedgerAreFoundWhenTheLedgerIsOpened) {
  close();
  std::filesystem::remove(directory_.state_dir() + "/ledger.head");
  open();
  EXPECT_THAT(ledger_->damage(), HasSubstr("ledger.head"));
  close();
  RawFile(directory_.state_dir()).run("UPDATE meta SET value = 'another' WHERE name = 'ledger_id'");
  open_without_key();
  EXPECT_FALSE(ledger_->use_key(Secret(std::string(32, 'k')), "vault-1")) << "the wrap is bound to the ledger's id";
}

TEST_F(ChainTest, VerifyOnTheLoopWalksJournalsLongerThanOneStep) {
  const auto more = write([](Tx &tx) -> Result<std::int64_t> {
    for (int i = 0; i < 1495; ++i)
      if (auto done = tx.append(record("x")); !done) return done;
    return tx.newest_sequence();
  });
  ASSERT_EQ(more, 1500);
  TestLoop loop(clock_);
  ledger_->attach(loop.scheduler());
  std::optional<ChainReport> report;
  std::optional<Error> refused;
  const auto check = [&report, &refused](Ledger &ledger, loop::Scope &call) -> loop::Task<void> {
    auto found = co_await ledger.verify(call);
    if (found)
      report = *found;
    else
      refused = found.error();
  };
  loop::Scope call(loop.scheduler());
  loop.scheduler().spawn(check(*ledger_, call));
  loop.run_until_idle();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->intact());
  EXPECT_EQ(report->records, 1501) << "and the checkpoint that signs them";
  EXPECT_EQ(report->checkpoints, 1);
  EXPECT_EQ(report->signed_through, 1500);

  loop::Scope interrupted(loop.scheduler());
  interrupted.cancel(Status::Interrupted);
  loop.scheduler().spawn(check(*ledger_, interrupted));
  loop.run_until_idle();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, Status::Interrupted);
}

}  // namespace
}  // namespace cordon::ledger::test

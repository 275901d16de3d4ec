#include <gmock/gmock.h>

#include "ledger_fixture.hpp"
#include "support/child.hpp"

namespace cordon::ledger::test {
namespace {

using cordon::test::in_child;

using std::chrono::seconds;

class QuotaTableTest : public LedgerTest {
 protected:
  QuotaAnswer take(const std::string &key = "contoso|app") {
    auto answer = write([&](Tx &tx) { return tx.quota_take(key, windows_, true, clock_.now()); });
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or(QuotaAnswer(0, BootTime{}));
  }
  void end(const QuotaAnswer &answer) { end(answer, clock_.now()); }
  void end(const QuotaAnswer &answer, BootTime when) {
    EXPECT_TRUE(write([&](Tx &tx) { return tx.quota_end(answer.slot, when); }));
  }
  QuotaUsage usage() {
    return *read([&](Tx &tx) { return tx.quota_usage("contoso|app", windows_, clock_.now()); });
  }
  std::string rows() { return RawFile(directory_.state_dir()).text("SELECT count(*) FROM quota_slots"); }

  QuotaWindows windows_ = {QuotaWindow(2, seconds(60))};
};

TEST_F(QuotaTableTest, GrantsUpToTheLimitAndSaysWhenToAskAgain) {
  const auto first = take();
  const auto second = take();
  EXPECT_TRUE(first.granted() && second.granted());
  EXPECT_EQ(take().again, clock_.now() + seconds(60)) << "both are under way";
  clock_.advance(seconds(5));
  end(first);
  clock_.advance(seconds(50));
  const auto refused = take();
  EXPECT_FALSE(refused.granted());
  EXPECT_EQ(refused.again, clock_.now() + seconds(10));
  clock_.advance(seconds(10));
  EXPECT_TRUE(take().granted());
}

TEST_F(QuotaTableTest, KeysHaveBudgetsOfTheirOwn) {
  EXPECT_TRUE(take().granted() && take().granted());
  EXPECT_FALSE(take().granted());
  EXPECT_TRUE(take("contoso|other").granted());
}

TEST_F(QuotaTableTest, ASlotEndedTwiceKeepsItsFirstEnd) {
  windows_ = {QuotaWindow(1, seconds(60))};
  const auto slot = take();
  const BootTime ended = clock_.now();
  end(slot, ended);
  clock_.advance(seconds(30));
  end(slot, clock_.now());
  EXPECT_EQ(take().again, ended + seconds(60));
}

TEST_F(QuotaTableTest, AGrantThatIsTakenBackWithItsClosureCostsNothing) {
  for (int i = 0; i < 5; ++i) {
    const auto failed = write([&](Tx &tx) -> Result<void> {
      EXPECT_TRUE(tx.quota_take("contoso|app", windows_, true, clock_.now())->granted());
      return fail(Status::Deadline, "too late");
    });
    EXPECT_EQ(failed.error().status, Status::Deadline);
  }
  EXPECT_EQ(usage().open, 0);
  EXPECT_TRUE(take().granted() && take().granted());
  EXPECT_FALSE(take().granted());
}

TEST_F(QuotaTableTest, CoolingStopsAllGrantsAndHalvesTheBudgetForAWindow) {
  windows_ = {QuotaWindow(4, seconds(60))};
  const BootTime until = clock_.now() + seconds(20);
  ASSERT_TRUE(write([&](Tx &tx) { return tx.quota_cool("contoso|app", clock_.now(), until); }));
  EXPECT_EQ(take().again, until);
  EXPECT_EQ(usage().cool_until, until);
  close();
  open();
  EXPECT_EQ(take().again, until) << "it outlives the client";
  clock_.advance(seconds(20));
  EXPECT_TRUE(take().granted() && take().granted());
  EXPECT_FALSE(take().granted());
  ASSERT_TRUE(write([&](Tx &tx) { return tx.quota_cool("contoso|app", clock_.now(), clock_.now() - seconds(5)); }));
  EXPECT_EQ(usage().cool_until, until) << "a shorter cooling does not end a longer one";
}

TEST_F(QuotaTableTest, UsageCountsOpenAndEndedSlotsPerWindow) {
  windows_ = {QuotaWindow(5, seconds(10)), QuotaWindow(9, seconds(100))};
  take();
  end(take());
  clock_.advance(seconds(20));
  const QuotaUsage now = usage();
  EXPECT_EQ(now.open, 1);
  EXPECT_EQ(now.windows[0].used, 1);
  EXPECT_EQ(now.windows[1].used, 2);
  EXPECT_EQ(now.again, clock_.now());
}

TEST_F(QuotaTableTest, SlotsOutliveTheClientAndThoseUnderWayEndLateEnough) {
  end(take());
  take();
  close();
  clock_.advance(seconds(10));
  open();
  EXPECT_EQ(take().again, clock_.now() + seconds(50)) << "the ended one leaves first";
  clock_.advance(seconds(50));
  EXPECT_TRUE(take().granted());
  EXPECT_EQ(take().again, clock_.now() + seconds(40))
      << "30 s of lingering from the next client's start, then a window";
}

TEST_F(QuotaTableTest, SlotsOfAKilledProcessOccupyTheirWindow) {
  close();
  const std::string granted = in_child([&]() -> std::string {
    open();
    const bool both = take().granted() && take().granted();
    ::kill(::getpid(), both ? SIGKILL : SIGTERM);
    return "";
  });
  EXPECT_EQ(granted, "the child died: ");
  open();
  EXPECT_EQ(usage().windows[0].used, 2);
  EXPECT_EQ(take().again, clock_.now() + kQuotaLinger + seconds(60));
}

TEST_F(QuotaTableTest, AfterARebootOldSlotsCountAsEndedWhenFirstSeen) {
  const auto ended = take();
  end(ended);
  take();
  ASSERT_TRUE(write([&](Tx &tx) { return tx.quota_cool("other", clock_.now(), clock_.now() + seconds(7)); }));
  close();
  clock_.reboot();
  open();
  EXPECT_EQ(usage().open, 0);
  EXPECT_EQ(take().again, clock_.now() + seconds(60));
  EXPECT_EQ(take("other").again, clock_.now() + seconds(7)) << "a cooling begins again";
  clock_.advance(seconds(60));
  EXPECT_TRUE(take().granted() && take().granted());
}

TEST_F(QuotaTableTest, RowsThatCountNoLongerAreClearedAway) {
  windows_ = {QuotaWindow(10, seconds(60))};
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i) end(take());
    clock_.advance(seconds(60));
  }
  EXPECT_LE(std::stoi(rows()), 20);
}

TEST_F(QuotaTableTest, WhatAnotherConnectionWroteIsSeen) {
  EXPECT_TRUE(take().granted());
  RawFile(directory_.state_dir())
      .run(
          "INSERT INTO quota_slots (key_id, owner, boot_id, granted, change)"
          " SELECT key_id, 'x', boot_id, 1, change + 1 FROM quota_slots; UPDATE quota_keys SET change = change + 1");
  EXPECT_FALSE(take().granted());
}

TEST_F(QuotaTableTest, ASlotWhoseNumberWasClearedAwayByAnotherIsNotClearedAwayAgain) {
  const auto old = take();
  end(old, clock_.now() - std::chrono::hours(1));
  // Another client clears it away and gives its number to a slot of its own.
  RawFile(directory_.state_dir())
      .run(
          "UPDATE quota_slots SET owner = 'x', ended = NULL, change = change + 1;"
          " UPDATE quota_keys SET change = change + 1");
  EXPECT_TRUE(take().granted());
  EXPECT_EQ(rows(), "2");
  EXPECT_FALSE(take().granted()) << "both are under way";
}

}  // namespace
}  // namespace cordon::ledger::test

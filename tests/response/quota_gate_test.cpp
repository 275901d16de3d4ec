#include "response/quota_gate.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace cordon::response {
namespace {

using std::chrono::seconds;

class Gate : public ::testing::Test {
 protected:
  /// The budget as a ledger would keep it.
  loop::Task<Result<ledger::QuotaAnswer>> ask() {
    ++asked;
    if (broken) co_return fail(Status::Ledger, "no space is left");
    if (free == 0) co_return ledger::QuotaAnswer(0, again);
    --free;
    co_return ledger::QuotaAnswer(++granted, clock.now());
  }

  loop::Task<void> wait(std::string name, Lane lane, loop::Scope &scope) {
    const QuotaGate::Ask question = [this] { return ask(); };
    Result<std::int64_t> slot = co_await gate.acquire("key", lane, scope, question);
    served.push_back(slot ? name : name + " " + status_name(slot.error().status));
    if (!slot) retry_after_ms = slot.error().retry_after_ms;
  }
  loop::Scope &come(const std::string &name, Lane lane, std::optional<nanoseconds> patience = {}) {
    auto deadline = patience ? std::optional(clock.now() + *patience) : std::nullopt;
    loop::Scope &scope = *scopes.emplace_back(std::make_unique<loop::Scope>(scheduler, deadline));
    scheduler.spawn(wait(name, lane, scope));
    scheduler.run_due();
    return scope;
  }
  void run_for(nanoseconds time) {
    const BootTime end = clock.now() + time;
    while (const auto next = scheduler.run_due()) {
      if (*next > end) break;
      if (*next > clock.now()) clock.advance(*next - clock.now());
    }
    if (clock.now() < end) clock.advance(end - clock.now());
    scheduler.run_due();
  }
  using Names = std::vector<std::string>;

  test::FakeClock clock;
  loop::Scheduler scheduler{clock};
  QuotaGate gate{scheduler};
  std::vector<std::unique_ptr<loop::Scope>> scopes;
  int free = 0;
  bool broken = false;
  BootTime again = clock.now() + seconds(10);
  int asked = 0;
  std::int64_t granted = 0;
  Names served;
  std::int64_t retry_after_ms = 0;
  ~Gate() override { scheduler.drop_tasks(); }
};

TEST_F(Gate, ASlotThatIsFreeIsGivenAtOnce) {
  free = 2;
  come("a", Lane::Read);
  come("b", Lane::Urgent);
  EXPECT_EQ(served, Names({"a", "b"}));
  EXPECT_TRUE(gate.open("key"));
}

TEST_F(Gate, WaitingRequestsAreServedByLaneAndThenByArrival) {
  for (const auto &[name, lane] :
       {std::pair("read", Lane::Read), std::pair("normal", Lane::Normal), std::pair("normal2", Lane::Normal),
        std::pair("undo", Lane::Undo), std::pair("bulk", Lane::Bulk), std::pair("urgent", Lane::Urgent)})
    come(name, lane);
  EXPECT_TRUE(served.empty());
  EXPECT_FALSE(gate.open("key"));
  free = 6;
  run_for(seconds(11));
  EXPECT_EQ(served, Names({"urgent", "undo", "normal", "normal2", "bulk", "read"}));
  EXPECT_TRUE(gate.open("key"));
}

TEST_F(Gate, AnUsedUpBudgetIsAskedByTheFirstInTheLineAlone) {
  for (int i = 0; i < 50; ++i) come("c", Lane::Normal);
  EXPECT_EQ(asked, 1) << "the others know that it is closed";
  again = clock.now() + seconds(20);
  run_for(seconds(15));
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(served.empty());
}

TEST_F(Gate, ACallerWhoseDeadlineComesBeforeTheNextSlotIsToldAtOnce) {
  come("late", Lane::Normal, seconds(5));
  EXPECT_EQ(served, Names({"late CORDON_E_RATE_LIMITED"}));
  EXPECT_EQ(retry_after_ms, 10'000);
  come("in time", Lane::Normal, seconds(30));
  EXPECT_EQ(served.size(), 1u);
}

TEST_F(Gate, ACallerInTheLineIsToldAtOnceWhenTheBudgetClosesForLonger) {
  come("first", Lane::Normal);
  come("behind", Lane::Normal, seconds(30));
  EXPECT_TRUE(served.empty());
  gate.refuse_until("key", clock.now() + seconds(60));
  run_for(nanoseconds(0));
  EXPECT_EQ(served, Names({"behind CORDON_E_RATE_LIMITED"}));
  EXPECT_EQ(retry_after_ms, 60'000);
}

TEST_F(Gate, ACallerWhoIsCancelledLeavesTheLineToTheNext) {
  loop::Scope &first = come("first", Lane::Urgent);
  come("second", Lane::Normal);
  first.cancel(Status::Interrupted);
  run_for(nanoseconds(0));
  EXPECT_EQ(served, Names({"first CORDON_E_INTERRUPTED"}));
  free = 1;
  run_for(seconds(11));
  EXPECT_EQ(served.back(), "second");
}

TEST_F(Gate, WhatTheLedgerFailedWithReachesTheCallerAndHoldsUpNobody) {
  broken = true;
  come("a", Lane::Normal);
  EXPECT_EQ(served, Names({"a CORDON_E_LEDGER"}));
  broken = false;
  free = 1;
  come("b", Lane::Normal);
  EXPECT_EQ(served.back(), "b");
}

}  // namespace
}  // namespace cordon::response

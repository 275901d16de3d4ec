#include "response_fixture.hpp"

namespace cordon::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// One slot a minute.
class OneSlot : public ResponseTest {
 protected:
  OneSlot() {
    windows = {{1, std::chrono::seconds(60)}};
    begin_process();
    act(intent(machine('f')));
    run_for(seconds(1));
    EXPECT_EQ(service().posts.size(), 1u);
  }
};

TEST_F(OneSlot, ARequestThatExpiresWhileItWaitsForTheQuotaIsNeverSent) {
  // The slot is free 60 s after the answer; this one's time ends at the same moment.
  const BootTime free = service().posts[0].at + milliseconds(10) + seconds(60);
  const auto left = std::chrono::duration_cast<milliseconds>(free - clock.now());
  Caller &c = submit(intent(machine(), {{"valid_for_ms", left.count()}}));
  run_for(left - milliseconds(1));
  EXPECT_EQ(state_of(c.request_id()), "queued");
  run_for(minutes(5));
  EXPECT_EQ(state_of(c.request_id()), "expired");
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(OneSlot, ACallWhoseDeadlineComesBeforeTheSlotIsToldAtOnceAndNeverSent) {
  Caller &c = act(intent(machine()), seconds(30));
  run();
  EXPECT_EQ(c.status(), "CORDON_E_RATE_LIMITED");
  EXPECT_GT(c.got->error().retry_after_ms, 50'000);
  EXPECT_EQ(state_of(c.request_id()), "withdrawn");
  run_for(minutes(5));
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(OneSlot, AValidityThatIsJoinedWhileTheSlotIsTakenIsNotLost) {
  Caller &hasty = act(intent(machine()), seconds(65));
  run_for(milliseconds(59'000));
  process->disk.held = true;
  Caller &joined = caller(std::nullopt);
  process->scheduler.spawn(submit_for(responder(), intent(machine()), joined));
  run_for(milliseconds(100));  // the slot's transaction waits behind the one that joins, with an older copy of the row
  process->disk.held = false;
  next().connecting = seconds(10);
  process->disk.release();
  run();
  ASSERT_TRUE(joined.got && *joined.got);
  EXPECT_EQ(state_of(joined.request_id()), "sending");
  EXPECT_EQ((**poll(joined.request_id()).got).document["expires_at"], (**joined.got).document["expires_at"]);
  run_for(seconds(20));
  EXPECT_EQ(hasty.status(), "CORDON_E_OUTCOME_UNKNOWN") << "somebody else still wants it";
  EXPECT_EQ(state_of(joined.request_id()), "pending");
  EXPECT_EQ(service().posts.size(), 2u);
}

TEST_F(OneSlot, WhatWasSubmittedOutlastsALedgerThatCannotBeWritten) {
  const std::string first = submit(intent(machine())).request_id();
  const std::string second = submit(intent(machine('b'))).request_id();
  run_for(seconds(58));
  process->disk.failures = 3;
  run_for(minutes(4));
  EXPECT_EQ(process->disk.failures, 0);
  EXPECT_EQ(state_of(first), "pending");
  EXPECT_EQ(state_of(second), "pending");
  EXPECT_EQ(service().posts.size(), 3u);
}

TEST_F(OneSlot, ACallIsToldAtOnceThatTheLedgerCannotBeWritten) {
  Caller &c = act(intent(machine()), minutes(5));
  run_for(seconds(58));
  process->disk.failures = 1;
  run_for(seconds(3));
  EXPECT_EQ(c.status(), "CORDON_E_LEDGER");
  EXPECT_EQ(state_of(c.request_id()), "withdrawn");
}

TEST_F(OneSlot, WhoeverHasASlotWaitsForNoTokenLongEnoughToMissAHalt) {
  const std::string id = submit(intent(machine())).request_id();
  run_for(seconds(58));
  process->token_delay = minutes(1);
  process->tenant->tokens->reject(process->tenant->tokens->fresh());
  run_for(seconds(3));
  EXPECT_EQ(state_of(id), "sending");
  run_for(seconds(10));
  EXPECT_EQ(state_of(id), "queued");
  halt("contoso", "exercise");
  run_for(minutes(3));
  EXPECT_EQ(state_of(id), "queued");
  EXPECT_EQ(service().posts.size(), 1u);
  resume("contoso");
  run_for(minutes(1));
  EXPECT_EQ(state_of(id), "pending");
}

TEST_F(OneSlot, ARequestThatWaitsForTheQuotaCanBeWithdrawn) {
  Caller &c = submit(intent(machine()));
  EXPECT_EQ(state_of(c.request_id()), "queued");
  EXPECT_TRUE(withdraw(c.request_id()));
  EXPECT_EQ(state_of(c.request_id()), "withdrawn");
  EXPECT_EQ(withdraw(c.request_id()).has_value(), true) << "it is what was wanted";
  run_for(minutes(5));
  EXPECT_EQ(service().posts.size(), 1u);
}

}  // namespace
}  // namespace cordon::test

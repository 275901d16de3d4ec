#include "response_fixture.hpp"

namespace cordon::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// What several callers, a shutdown or a crash make of a request.
class Responding : public ResponseTest {
 protected:
  /// Keeps later requests for the device queued for `time`.
  Caller &occupy(const std::string &device, nanoseconds time) {
    next().answering = time;
    Caller &c = submit(intent(device));
    EXPECT_EQ(service().posts.size(), 1u);
    return c;
  }
};

TEST_F(Responding, AnEqualCallJoinsTheRequestUnderWay) {
  next().answering = seconds(2);
  Caller &first = act(intent(machine()));
  run();
  Caller &second = act(intent(machine()));
  run_for(seconds(3));
  EXPECT_EQ(second.status(), "CORDON_PENDING");
  EXPECT_EQ(second.request_id(), first.request_id());
  EXPECT_EQ((**second.got).document["adopted"], true);
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Responding, WhoeverJoinsKeepsTheRequestAliveBeyondTheFirstCallersDeadline) {
  occupy(machine(), seconds(10));
  Caller &hasty = act(intent(machine(), {{"force_new", true}}), seconds(5));
  run();
  Caller &joined = submit(intent(machine()));
  run_for(seconds(6));
  EXPECT_EQ(hasty.status(), "CORDON_E_OUTCOME_UNKNOWN") << "somebody else still wants it";
  EXPECT_EQ(joined.request_id(), hasty.request_id());
  EXPECT_EQ(service().posts.size(), 1u);
  run_for(seconds(10));
  EXPECT_EQ(service().posts.size(), 2u);
  EXPECT_EQ(state_of(joined.request_id()), "pending");
}

TEST_F(Responding, WhoeverComesWhileARequestIsTakenBackBeginsOneOfHisOwn) {
  next().connecting = seconds(5);
  Caller &first = act(intent(machine()));
  run_for(seconds(1));
  process->disk.held = true;
  Caller &second = act(intent(machine()));  // reads the ledger before the first is marked as withdrawn
  first.scope.cancel(Status::Interrupted);
  process->scheduler.run_due();
  process->disk.held = false;
  process->disk.release();
  run_for(seconds(1));
  EXPECT_EQ(first.status(), "CORDON_E_INTERRUPTED");
  EXPECT_EQ(second.status(), "CORDON_PENDING");
  EXPECT_NE(second.request_id(), first.request_id());
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Responding, AQueuedRequestCanBeWithdrawnAndIsNeverSent) {
  occupy(machine(), seconds(10));
  Caller &queued = submit(intent(machine(), {{"force_new", true}}));
  EXPECT_EQ(state_of(queued.request_id()), "queued");
  EXPECT_TRUE(withdraw(queued.request_id()));
  EXPECT_EQ(state_of(queued.request_id()), "withdrawn");
  run_for(minutes(5));
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Responding, ABlockingCallWhoseRequestIsWithdrawnIsToldNotSent) {
  next().connecting = seconds(5);
  Caller &c = act(intent(machine(), {{"request_id", "00000000-0000-4000-8000-0000000000aa"}}));
  run_for(seconds(1));
  EXPECT_TRUE(withdraw("00000000-0000-4000-8000-0000000000aa"));
  EXPECT_EQ(c.status(), "CORDON_NOT_SENT");
  EXPECT_EQ(c.state(), "withdrawn");
}

TEST_F(Responding, ARequestWhoseBytesHaveLeftCannotBeWithdrawn) {
  Caller &busy = occupy(machine(), seconds(10));
  EXPECT_EQ(withdraw(busy.request_id()).error().status, Status::InvalidState);
  EXPECT_EQ(state_of(busy.request_id()), "sending");
}

TEST_F(Responding, AWithdrawalThatCannotBeRecordedFailsAndDoesNotHang) {
  occupy(machine(), seconds(10));
  Caller &queued = submit(intent(machine(), {{"force_new", true}}));
  process->disk.after = 1;  // the reading of the row
  process->disk.failures = 1;
  EXPECT_EQ(withdraw(queued.request_id()).error().status, Status::Ledger);
  EXPECT_EQ(state_of(queued.request_id()), "queued");
  EXPECT_TRUE(withdraw(queued.request_id())) << "the disk has room again";
  run_for(minutes(5));
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Responding, ACancelThatCameTooLateIsNoSuccess) {
  act(intent(machine()));
  run_for(seconds(1));
  const Json request = {
      {"action_id", service().actions[0]["id"]}, {"comment", "test"}, {"options", {{"until", "finished"}}}};
  auto cancel =
      response::Intent::make(*defender::Catalogue::instance().find("cancel_action"), request, process->tenant);
  Caller &c = act(std::move(*cancel));
  run_for(seconds(1));
  service().finish_all("Succeeded");
  run_for(seconds(30));
  EXPECT_EQ(c.status(), "CORDON_ACTION_FAILED");
  EXPECT_EQ(c.state(), "succeeded") << "the action it names";
  EXPECT_EQ(poll(c.request_id()).status(), "CORDON_ACTION_FAILED");
}

TEST_F(Responding, AnUndoHasTheForwardActionCancelledAndIsSentWhenThatHasEnded) {
  act(intent(machine(), {}, "isolate"));
  run_for(seconds(1));
  Caller &undo = act(intent(machine(), {}, "unisolate"), minutes(5));
  run_for(seconds(1));
  ASSERT_EQ(service().posts.size(), 2u);
  EXPECT_TRUE(service().targets[1].ends_with("/cancel")) << service().targets[1];
  run_for(seconds(30));
  EXPECT_EQ(undo.status(), "waiting") << "it never runs ahead";
  EXPECT_EQ(service().posts.size(), 2u) << "one cancel is enough";
  service().finish_all("Cancelled");
  run_for(seconds(30));
  ASSERT_EQ(service().posts.size(), 3u);
  EXPECT_TRUE(service().targets[2].ends_with("/unisolate"));
  EXPECT_EQ(undo.status(), "CORDON_PENDING");
}

TEST_F(Responding, AnUndoWithdrawsAForwardActionThatWasNotSent) {
  next().connecting = minutes(10);
  Caller &other = act(intent(machine(), {}, "run_antivirus_scan"), minutes(20));  // keeps the device's line
  run_for(seconds(1));
  Caller &forward = act(intent(machine()), minutes(10));
  run_for(seconds(1));
  Caller &undo = act(intent(machine(), {}, "unrestrict_code_execution"), minutes(20));
  run_for(seconds(1));
  EXPECT_EQ(other.status(), "waiting");
  run_for(minutes(11));
  EXPECT_EQ(forward.status(), "CORDON_NOT_SENT");
  EXPECT_EQ(undo.status(), "CORDON_PENDING");
  EXPECT_TRUE(service().targets.back().ends_with("/unrestrictCodeExecution"));
  EXPECT_EQ(service().posts.size(), 2u) << "the scan and the undo";
}

TEST_F(Responding, AForwardActionDoesNotOvertakeAnUndo) {
  act(intent(machine(), {}, "unrestrict_code_execution"));
  run_for(seconds(1));
  Caller &forward = act(intent(machine()));
  run();
  EXPECT_EQ(forward.status(), "CORDON_E_ACTION_IN_PROGRESS");
  EXPECT_NE(forward.message().find("force_new"), std::string::npos) << forward.message();
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Responding, AnUndoWaitsForAnUnknownOutcomeUnlessItIsForced) {
  next().answers = false;
  service().script.back().applies = false;
  act(intent(machine()));
  run_for(seconds(50));
  Caller &undo = act(intent(machine(), {}, "unrestrict_code_execution"), seconds(30));
  run_for(seconds(31));
  EXPECT_EQ(undo.status(), "CORDON_E_DEADLINE");
  EXPECT_EQ(service().posts.size(), 1u);
  act(intent(machine(), {{"force_new", true}}, "unrestrict_code_execution"));
  run();
  EXPECT_EQ(service().posts.size(), 2u);
}

TEST_F(Responding, WhatSomebodyElseContainedIsNotReversedUnlessToldSo) {
  service().add_foreign(machine(), "RestrictCodeExecution", "analyst@contoso.example");
  next().status = 400;
  service().script.back().code = "ActiveRequestAlreadyExists";
  Caller &c = act(intent(machine()));
  run_for(seconds(1));
  ASSERT_EQ(c.state(), "pending");
  Caller &undo = act_and_run(intent(machine(), {}, "unrestrict_code_execution"));
  EXPECT_EQ(undo.status(), "CORDON_E_REFUSED_BY_POLICY");
  EXPECT_NE(undo.message().find("analyst@contoso.example"), std::string::npos) << undo.message();
  act_and_run(intent(machine(), {{"force_new", true}}, "unrestrict_code_execution"));
  EXPECT_EQ(service().posts.size(), 2u);
}

TEST_F(Responding, AnActionThatNobodyKnowsYetIsToBeAskedForOnceMore) {
  Caller &early = poll("00000000-0000-4000-8000-000000000001", minutes(1));
  run_for(seconds(1));
  EXPECT_EQ(early.status(), "CORDON_E_NOT_FOUND") << "at once, whatever time there is";
  ASSERT_TRUE(early.got && !*early.got);
  EXPECT_TRUE(early.got->error().retryable);
  EXPECT_EQ(early.got->error().retry_after_ms, 35'000);
  EXPECT_NE(early.message().find("ask again"), std::string::npos) << early.message();
  service().add_foreign(machine(), "RestrictCodeExecution", "analyst@contoso.example");
  Caller &later = poll("00000000-0000-4000-8000-000000000001", seconds(10));
  run_for(seconds(1));
  EXPECT_EQ(later.status(), "CORDON_PENDING");
  EXPECT_FALSE(poll("00000000-0000-4000-8000-000000000002").got->error().retryable) << "the service was not asked";
}

TEST_F(Responding, WhileSendingIsHaltedNothingIsSentAndTrackingGoesOn) {
  Caller &before = act_and_run(intent(machine('b')));
  halt("contoso", "wrong devices");
  const std::string id_before = before.request_id();
  Caller &c = act(intent(machine()));
  run();
  EXPECT_EQ(c.status(), "CORDON_E_HALTED");
  EXPECT_NE(c.message().find("wrong devices"), std::string::npos) << c.message();
  service().finish_all("Succeeded");
  run_for(seconds(20));
  EXPECT_EQ(state_of(id_before), "succeeded");
  EXPECT_EQ(service().posts.size(), 1u);
  resume("contoso");
  EXPECT_EQ(act_and_run(intent(machine())).status(), "CORDON_PENDING");
}

TEST_F(Responding, WhatWasQueuedBeforeAHaltIsSentWhenItIsLifted) {
  windows = {{1, seconds(60)}};
  begin_process();
  act(intent(machine('b')));
  run();
  const std::string id = submit(intent(machine())).request_id();
  halt("*", "all of it");
  run_for(minutes(3));
  EXPECT_EQ(state_of(id), "queued");
  EXPECT_EQ(service().posts.size(), 1u);
  resume("*");
  run_for(seconds(5));
  EXPECT_EQ(state_of(id), "pending");
}

TEST_F(Responding, AShutdownKeepsWhatWasSubmittedAndTheNextClientSendsIt) {
  next().connecting = seconds(5);
  const std::string id = submit(intent(machine())).request_id();
  run_for(seconds(1));
  responder().stop_sending();
  run();
  EXPECT_TRUE(responder().sending().idle());
  EXPECT_EQ(state_of(id), "queued") << "no byte has left, and the ledger says so";
  EXPECT_EQ(service().posts.size(), 0u);
  begin_process();
  recover();
  run_for(seconds(1));
  EXPECT_EQ(state_of(id), "pending");
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Responding, AShutdownTakesBackEveryBlockingCallThatWasNotSent) {
  next().connecting = seconds(5);
  Caller &one = act(intent(machine()));
  run();
  Caller &two = act(intent(machine()));
  run();
  responder().stop_sending();
  one.scope.cancel(Status::ShuttingDown);
  two.scope.cancel(Status::ShuttingDown);
  run();
  for (Caller *c : {&one, &two}) {
    EXPECT_EQ(c->status(), "CORDON_E_SHUTTING_DOWN");
    EXPECT_NE(c->message().find("nothing was sent"), std::string::npos) << c->message();
  }
  EXPECT_EQ(state_of(one.request_id()), "withdrawn");
}

TEST_F(Responding, AShutdownDoesNotWaitForAThrottledRequestsNextTurn) {
  next().status = 429;
  service().script.back().answering = seconds(2);
  const std::string id = submit(intent(machine())).request_id();
  run_for(seconds(1));
  responder().stop_sending();
  EXPECT_FALSE(responder().sending().idle());
  run_for(seconds(2));
  EXPECT_TRUE(responder().sending().idle());
  EXPECT_EQ(state_of(id), "queued");
}

TEST_F(Responding, ACrashWithBytesOutIsLookedForAndNeverSentAgain) {
  next().answering = seconds(5);
  const std::string id = submit(intent(machine())).request_id();
  run_for(seconds(1));
  const std::vector<Json> made = service().actions;
  begin_process();
  service().actions = made;
  recover();
  EXPECT_EQ(state_of(id), "") << "unknown is an error";
  EXPECT_EQ(poll(id).status(), "CORDON_E_OUTCOME_UNKNOWN");
  EXPECT_EQ(withdraw(id).error().status, Status::InvalidState);
  run_for(minutes(1));
  EXPECT_EQ(state_of(id), "pending");
  EXPECT_EQ(service().posts.size(), 0u);
}

TEST_F(Responding, WhoeverJoinsARequestOfADeadSenderIsNotToldThatNothingWasSent) {
  next().answering = seconds(5);
  const std::string id = submit(intent(machine())).request_id();
  run_for(seconds(1));
  begin_process();  // nothing has been recovered yet
  EXPECT_EQ(withdraw(id).error().status, Status::InvalidState);
  Caller &joined = act(intent(machine()), seconds(5));
  run_for(seconds(10));
  EXPECT_EQ(joined.status(), "CORDON_E_OUTCOME_UNKNOWN");
  EXPECT_EQ(joined.request_id(), id);
  EXPECT_EQ(service().posts.size(), 0u);
}

TEST_F(Responding, AQueuedRequestOfADeadClientIsSentOnceOnlyWhoeverComesFirst) {
  occupy(machine(), seconds(10));
  const std::string id = submit(intent(machine(), {{"force_new", true}})).request_id();
  begin_process();
  Caller &polled = poll(id, minutes(1));
  run();
  recover();
  run_for(seconds(1));
  EXPECT_EQ(service().posts.size(), 1u);
  EXPECT_EQ(state_of(id), "pending");
  EXPECT_EQ(polled.status(), "waiting");
}

TEST_F(Responding, AQueuedRequestOfADeadClientCanBeWithdrawn) {
  occupy(machine(), seconds(10));
  const std::string id = submit(intent(machine(), {{"force_new", true}})).request_id();
  begin_process();
  EXPECT_TRUE(withdraw(id));
  recover();
  run_for(minutes(1));
  EXPECT_EQ(state_of(id), "withdrawn");
  EXPECT_EQ(service().posts.size(), 0u);
}

TEST_F(Responding, AfterARebootValidityCountsByTheTimeOfDay) {
  occupy(machine(), seconds(10));
  const std::string late = submit(intent(machine(), {{"force_new", true}, {"valid_for_ms", 60'000}})).request_id();
  const std::string in_time = submit(intent(machine(), {{"force_new", true}})).request_id();
  process.reset();
  clock.reboot("boot-2");
  clock.set_utc(clock.utc() + minutes(5));
  begin_process();
  poll(in_time, minutes(1));  // before the recovery
  poll(late, minutes(1));
  run();
  recover();
  run_for(seconds(1));
  EXPECT_EQ(state_of(late), "expired");
  EXPECT_EQ(state_of(in_time), "pending");
  EXPECT_EQ(service().posts.size(), 1u);
}

}  // namespace
}  // namespace cordon::test

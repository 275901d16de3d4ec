#include "response_fixture.hpp"

namespace cordon::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// One request's way to the service, and what its end means.
class Submitting : public ResponseTest {
 protected:
  static loop::Task<void> recall_halted_of(response::Responder &responder) { co_await responder.recall_halted(); }
};

TEST_F(Submitting, AnAcceptedPostIsPendingAndOnePostOnly) {
  Caller &c = act(intent(machine()));
  run_for(seconds(1));
  EXPECT_EQ(c.status(), "CORDON_PENDING");
  EXPECT_EQ(c.state(), "pending");
  EXPECT_EQ(service().posts.size(), 1u);
  EXPECT_EQ(service().posts[0].body["ExternalId"], c.request_id());
}

TEST_F(Submitting, OkIsSaidOnlyOnceTheServiceSaysSucceeded) {
  Caller &c = act(intent(machine(), {{"until", "finished"}}));
  run_for(seconds(20));
  EXPECT_EQ(c.status(), "waiting");
  service().finish_all("Succeeded");
  run_for(seconds(20));
  EXPECT_EQ(c.status(), "CORDON_OK");
}

TEST_F(Submitting, TwoRequestsForOneDeviceNeverHaveTheirPostsUnderWayAtOnce) {
  for (int i = 0; i < 5; ++i)
    for (const char device : {'a', 'b'}) {
      next().answering = milliseconds(100);
      submit(intent(machine(device), {{"force_new", true}}));
    }
  run_for(seconds(5));
  EXPECT_EQ(service().posts.size(), 10u);
  EXPECT_EQ(service().most_at_once(), 1);
}

TEST_F(Submitting, ARequestWhoseTimePassesBehindAnotherForTheSameDeviceIsNeverSent) {
  next().answering = seconds(30);
  submit(intent(machine()));
  Caller &late = submit(intent(machine(), {{"force_new", true}, {"valid_for_ms", 10'000}}));
  run_for(minutes(5));
  EXPECT_EQ(state_of(late.request_id()), "expired");
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Submitting, WhatConnectsWhileTheProcessStandsStillIsNotSentAfterItsTime) {
  next().connecting = seconds(5);
  Caller &late = submit(intent(machine(), {{"valid_for_ms", 10'000}}));
  clock.advance(seconds(30));
  run_for(minutes(1));
  EXPECT_EQ(state_of(late.request_id()), "expired");
  EXPECT_TRUE(service().posts.empty());
}

TEST_F(Submitting, ARefusedConnectionGivesItsSlotBack) {
  for (int i = 0; i < 3; ++i) next().connects = false;
  Caller &c = act(intent(machine()));
  run_for(seconds(10));
  EXPECT_EQ(c.status(), "CORDON_E_NETWORK");
  EXPECT_EQ(state_of(c.request_id()), "withdrawn");
  EXPECT_EQ(service().posts.size(), 0u);
  EXPECT_EQ(slots_in_use(), 0);
}

TEST_F(Submitting, AnInterruptBeforeAByteHasLeftSendsNothing) {
  next().connecting = seconds(5);
  Caller &c = act(intent(machine()));
  run_for(seconds(1));
  c.scope.cancel(Status::Interrupted);
  run();
  EXPECT_EQ(c.status(), "CORDON_E_INTERRUPTED");
  EXPECT_NE(c.message().find("nothing was sent and nothing will be"), std::string::npos);
  EXPECT_EQ(state_of(c.request_id()), "withdrawn");
  run_for(minutes(5));
  EXPECT_EQ(service().posts.size(), 0u);
  EXPECT_EQ(slots_in_use(), 0);
}

TEST_F(Submitting, ADeadlineBeforeAByteHasLeftSendsNothing) {
  next().connecting = seconds(5);
  Caller &c = act(intent(machine()), seconds(1));
  run_for(minutes(5));
  EXPECT_EQ(c.status(), "CORDON_E_DEADLINE");
  EXPECT_EQ(state_of(c.request_id()), "expired");
  EXPECT_EQ(service().posts.size(), 0u);
}

TEST_F(Submitting, AnInterruptOrADeadlineAfterBytesHaveLeftIsAnUnknownOutcome) {
  next().answering = seconds(5);
  next().answering = seconds(5);
  Caller &interrupted = act(intent(machine('a')));
  Caller &late = act(intent(machine('b')), seconds(2));
  run_for(seconds(1));
  interrupted.scope.cancel(Status::Interrupted);
  run_for(seconds(2));
  for (Caller *c : {&interrupted, &late}) {
    EXPECT_EQ(c->status(), "CORDON_E_OUTCOME_UNKNOWN");
    EXPECT_EQ(c->message().find("nothing was sent"), std::string::npos);
  }
  run_for(seconds(5));
  EXPECT_EQ(state_of(interrupted.request_id()), "pending") << "the answer is still waited for";
  EXPECT_EQ(state_of(late.request_id()), "pending");
  EXPECT_EQ(service().posts.size(), 2u);
}

TEST_F(Submitting, ALostAnswerIsFoundByItsMarkAndNotSentAgain) {
  next().answers = false;
  Caller &c = act(intent(machine()));
  run_for(seconds(50));
  EXPECT_EQ(c.status(), "CORDON_PENDING");
  EXPECT_EQ((**c.got).document["adopted"], false);
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Submitting, ALostAnswerOfAServiceThatEchoesNothingIsAdopted) {
  next().answers = false;
  service().script.back().echoes = false;
  Caller &c = act(intent(machine()));
  run_for(seconds(50));
  EXPECT_EQ(c.status(), "CORDON_PENDING");
  EXPECT_EQ((**c.got).document["adopted"], true) << "whose it is can't be told";
}

TEST_F(Submitting, APostThatIsNotFoundStaysUnknownWhileTheServiceWasNeverSeenToShowMarks) {
  next().answers = false;
  service().script.back().applies = false;
  Caller &c = act(intent(machine()), minutes(10));
  run_for(minutes(9));
  EXPECT_EQ(c.status(), "CORDON_E_OUTCOME_UNKNOWN");
  EXPECT_NE(c.message().find("force_new"), std::string::npos) << c.message();
  EXPECT_EQ(poll(c.request_id()).status(), "CORDON_E_OUTCOME_UNKNOWN");
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Submitting, APostThatTwoLooksDoNotShowIsSentAgainOnce) {
  act(intent(machine('b')));  // shows that the service echoes
  run();
  next().answers = false;
  service().script.back().applies = false;
  Caller &c = act(intent(machine()), minutes(10));
  run_for(seconds(34));
  EXPECT_EQ(service().posts.size(), 2u) << "not before what was taken would show";
  run_for(seconds(10));
  EXPECT_EQ(service().posts.size(), 3u);
  EXPECT_EQ(c.status(), "CORDON_PENDING");
  EXPECT_EQ(service().posts[1].body["ExternalId"], service().posts[2].body["ExternalId"]);
}

TEST_F(Submitting, ALostPostWhoseTimeHasPassedExpires) {
  act(intent(machine('b')));
  run();
  next().answers = false;
  service().script.back().applies = false;
  Caller &c = act(intent(machine()), seconds(20));
  run_for(seconds(21));
  EXPECT_EQ(c.status(), "CORDON_E_OUTCOME_UNKNOWN");
  run_for(minutes(2));
  EXPECT_EQ(state_of(c.request_id()), "expired");
  EXPECT_EQ(service().posts.size(), 2u);
}

TEST_F(Submitting, ALostPostIsNotSentAgainWhenSomebodyElseDidTheSame) {
  act(intent(machine('b')));
  run();
  next().answers = false;
  service().script.back().applies = false;
  Caller &c = act(intent(machine()), minutes(10));
  run_for(seconds(20));
  service().add_foreign(machine(), "RestrictCodeExecution", "analyst@contoso.example");
  run_for(seconds(30));
  EXPECT_EQ(c.status(), "CORDON_PENDING");
  EXPECT_EQ((**c.got).document["adopted"], true);
  EXPECT_EQ(service().posts.size(), 2u);
}

TEST_F(Submitting, AnUnknownRequestIsLookedForAgainWhenSomebodyWaitsForIt) {
  next().answers = false;
  Caller &c = act(intent(machine()), minutes(2));
  run_for(seconds(1));
  const Json hidden = service().actions.back();
  service().actions.clear();
  run_for(minutes(1));
  ASSERT_EQ(c.status(), "CORDON_E_OUTCOME_UNKNOWN");
  service().actions.push_back(hidden);
  const int reads = service().reads;
  Caller &polled = poll(c.request_id(), seconds(20));
  poll(c.request_id(), seconds(10));
  run_for(seconds(20));
  EXPECT_EQ(polled.status(), "CORDON_PENDING");
  EXPECT_EQ(state_of(c.request_id()), "pending");
  EXPECT_LE(service().reads, reads + 2) << "one look for both, and the tracker's";
}

TEST_F(Submitting, AnOutageHoweverLongDoesNotEndTheSearch) {
  next().answers = false;
  service().lists = false;
  const std::string id = submit(intent(machine())).request_id();
  run_for(std::chrono::hours(3));
  EXPECT_EQ(poll(id).status(), "CORDON_E_OUTCOME_UNKNOWN");
  EXPECT_LE(service().reads, 80) << "a service that lists nothing is asked ever more rarely";
  service().lists = true;
  run_for(std::chrono::hours(2));
  EXPECT_EQ(state_of(id), "pending");
  EXPECT_EQ(service().posts.size(), 1u);
}

TEST_F(Submitting, ATenantThatIsRemovedWhileARequestConnectsKeepsItInTheQueue) {
  next().connecting = seconds(5);
  const std::string id = submit(intent(machine())).request_id();
  run_for(seconds(1));
  EXPECT_EQ(state_of(id), "sending");
  process->tenant->retire();
  responder().tenants_changed({});
  run_for(seconds(60));
  EXPECT_EQ(state_of(id), "queued");
  EXPECT_EQ(service().posts.size(), 0u);
}

TEST_F(Submitting, AHaltCallsBackWhatIsStillConnecting) {
  next().connecting = seconds(5);
  const std::string id = submit(intent(machine())).request_id();
  next().answering = seconds(5);
  const std::string left = submit(intent(machine('b'))).request_id();
  run_for(seconds(1));
  halt("contoso", "exercise");
  process->scheduler.spawn(recall_halted_of(responder()));
  run_for(seconds(60));
  EXPECT_EQ(state_of(id), "queued");
  EXPECT_EQ(state_of(left), "pending") << "its bytes had left";
  EXPECT_EQ(service().posts.size(), 1u);
  resume("contoso");
  run_for(seconds(10));
  EXPECT_EQ(state_of(id), "pending");
}

TEST_F(Submitting, AThrottledPostIsRepeatedOnlyWhileTheRequestIsValid) {
  next().status = 429;
  Caller &c = act(intent(machine()), seconds(30));
  run_for(seconds(1));
  EXPECT_EQ(c.status(), "CORDON_E_RATE_LIMITED") << "no Retry-After counts as a minute";
  EXPECT_EQ(state_of(c.request_id()), "withdrawn");
  next();
  Caller &patient = submit(intent(machine('b')));
  run_for(minutes(3));
  EXPECT_EQ(state_of(patient.request_id()), "pending");
}

}  // namespace
}  // namespace cordon::test

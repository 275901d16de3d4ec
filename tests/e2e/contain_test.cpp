#include <poll.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "e2e/host.hpp"

namespace cordon::test {
namespace {

class Contain : public EmulatorTest {};

TEST_F(Contain, ARestrictedDeviceIsFollowedToSucceeded) {
  const auto host = open();
  const Reply accepted =
      host->restrict_device(machine(), "case 7", {{"labels", {{"case", "INC-7"}}}, {"actor", "ana"}});
  ASSERT_EQ(accepted.status, CORDON_PENDING) << accepted.message();
  EXPECT_EQ(accepted.document["operation"], "restrict_code_execution");
  EXPECT_EQ(accepted.document["labels"]["case"], "INC-7");
  EXPECT_EQ(accepted.document["adopted"], false);
  const Reply finished = host->poll(accepted.request_id());
  EXPECT_EQ(finished.status, CORDON_OK) << ::testing::PrintToString(finished);
  EXPECT_EQ(finished.state(), "succeeded");
  EXPECT_EQ(host->poll(finished.document["action_id"], 0).status, CORDON_OK) << "an action id serves as well";
  EXPECT_EQ(emulator.post_count("restrictCodeExecution"), 1);
}

TEST_F(Contain, UntilFinishedWaitsForTheDevice) {
  const auto host = open();
  const Reply finished = host->quarantine(machine(), file(), "case 7", {{"until", "finished"}});
  EXPECT_EQ(finished.status, CORDON_OK) << finished.message();
  EXPECT_EQ(finished.state(), "succeeded");
}

TEST_F(Contain, ADeviceThatFailsIsNeverReportedAsSuccess) {
  const auto host = open();
  const Reply finished = host->restrict_device(cast("fails"), "case 7", {{"until", "finished"}});
  EXPECT_EQ(finished.status, CORDON_ACTION_FAILED) << finished.message();
  EXPECT_EQ(finished.state(), "failed");
  EXPECT_NE(finished.document["error_hresult"], 0);
}

TEST_F(Contain, AnOfflineDeviceStaysPendingAndTimesOutAfterThreeDays) {
  const auto host = open();
  const Reply accepted = host->restrict_device(cast("offline"));
  ASSERT_EQ(accepted.status, CORDON_PENDING);
  EXPECT_EQ(host->poll(accepted.request_id(), 300).status, CORDON_PENDING);
  emulator.advance(3 * 86400 + 15 * 60);
  EXPECT_EQ(host->poll(accepted.request_id()).status, CORDON_ACTION_TIMED_OUT);
}

TEST_F(Contain, AskingAgainJoinsTheRequestThatHasNotEnded) {
  const auto host = open();
  const Reply first = host->restrict_device(cast("offline"));
  const Reply second = host->restrict_device(cast("offline"), "another comment");
  EXPECT_EQ(second.status, CORDON_PENDING);
  EXPECT_EQ(second.request_id(), first.request_id());
  EXPECT_EQ(second.document["adopted"], true);
  EXPECT_EQ(emulator.post_count("restrictCodeExecution"), 1);
}

TEST_F(Contain, AnIdempotencyKeyReturnsTheRecordedRequestEvenAfterItsEnd) {
  const auto host = open();
  const Json options = {{"idempotency_key", "case-7/1"}, {"until", "finished"}};
  const Reply first = host->restrict_device(machine(), "c", options);
  ASSERT_EQ(first.status, CORDON_OK);
  const Reply again = host->restrict_device(machine(), "c", options);
  EXPECT_EQ(again.status, CORDON_OK);
  EXPECT_EQ(again.request_id(), first.request_id());
  const Reply other = host->restrict_device(machine(1), "c", options);
  EXPECT_EQ(other.status, CORDON_E_KEY_REUSED);
  EXPECT_EQ(other.request_id(), first.request_id());
  EXPECT_EQ(emulator.posts(), 1);
}

TEST_F(Contain, SomebodyElsesPendingActionIsAdoptedOnlyIfItDoesTheSame) {
  const auto first = open();
  const std::string device = cast("offline");
  const Reply theirs = first->quarantine(device, file(0));
  ASSERT_EQ(theirs.status, CORDON_PENDING) << theirs.message();

  config["state_dir"] = (emulator.directory() / "other").string();
  const auto host = open();
  const Reply same = host->quarantine(device, file(0));
  EXPECT_EQ(same.status, CORDON_PENDING) << same.message();
  EXPECT_EQ(same.document["adopted"], true);
  EXPECT_EQ(same.document["action_id"], theirs.document["action_id"]);
  const Reply other = host->quarantine(device, file(1));
  EXPECT_EQ(other.status, CORDON_E_ACTION_IN_PROGRESS) << ::testing::PrintToString(other);
  EXPECT_EQ(other.error["action_id"], theirs.document["action_id"]);
}

TEST_F(Contain, AnUndoCancelsWhatIsPendingAndIsSentBehindIt) {
  const auto host = open();
  const Reply forward = host->restrict_device(cast("offline"));
  ASSERT_EQ(forward.status, CORDON_PENDING) << forward.message();
  const Reply undo =
      host->call("unrestrict_code_execution", {{"machine_id", cast("offline")}, {"comment", "false alarm"}}, 30'000);
  EXPECT_EQ(undo.status, CORDON_PENDING) << ::testing::PrintToString(undo);
  EXPECT_EQ(host->poll(forward.request_id(), 0).status, CORDON_ACTION_CANCELLED);
  const Json actions = emulator.actions();
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(actions[0]["status"], "Cancelled");
  EXPECT_EQ(actions[1]["type"], "UnrestrictCodeExecution");
}

TEST_F(Contain, AHaltStopsEveryClientUntilItIsLifted) {
  const auto host = open();
  const Host other(config);
  ASSERT_EQ(other.opened().status, CORDON_OK) << other.opened().message();
  ASSERT_EQ(host->call("halt", {{"scope", "all"}, {"reason", "wrong playbook"}}).status, CORDON_OK);
  const Reply refused = Host(config).restrict_device(machine());
  EXPECT_EQ(refused.status, CORDON_E_HALTED);
  EXPECT_NE(refused.message().find("wrong playbook"), std::string::npos) << refused.message();
  EXPECT_EQ(host->call("health").document["halted"]["reason"], "wrong playbook");
  EXPECT_EQ(host->call("resume", {{"scope", "all"}}).status, CORDON_OK);
  EXPECT_EQ(host->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);
}

TEST_F(Contain, ContainmentStatusTellsWhatHoldsAndWhatIsOnItsWay) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(0), "c", {{"until", "finished"}}).status, CORDON_OK);
  ASSERT_EQ(host->quarantine(machine(0), file(0)).status, CORDON_PENDING);
  const Reply status = host->call("containment_status", {{"machine_ids", {machine(0), machine(1)}}});
  ASSERT_EQ(status.status, CORDON_OK) << status.message();
  const Json &contained = status.document["devices"][0];
  EXPECT_EQ(contained["contained"], true);
  EXPECT_EQ(contained["holds"][0]["operation"], "restrict_code_execution");
  EXPECT_EQ(contained["holds"][0]["by_this_application"], true);
  EXPECT_EQ(status.document["devices"][1]["contained"], false);
}

TEST_F(Contain, CancelEndsAPendingAction) {
  const auto host = open();
  const Reply pending = host->restrict_device(cast("offline"));
  const Reply cancel = host->call(
      "cancel_action",
      {{"action_id", pending.document["action_id"]}, {"comment", "false alarm"}, {"options", {{"until", "finished"}}}});
  EXPECT_EQ(cancel.status, CORDON_ACTION_CANCELLED) << ::testing::PrintToString(cancel);
  EXPECT_EQ(host->poll(pending.request_id()).status, CORDON_ACTION_CANCELLED);
}

TEST_F(Contain, ADryRunSendsAndRecordsNothing) {
  const auto host = open();
  const Reply dry = host->restrict_device(machine(), "c", {{"dry_run", true}});
  EXPECT_EQ(dry.status, CORDON_DRY_RUN);
  EXPECT_EQ(emulator.posts(), 0);
  EXPECT_EQ(host->call("list_requests").document["requests"].size(), 0u);
}

TEST_F(Contain, EventsAreReadByCursorAndConsumedByNobody) {
  const auto host = open();
  std::int32_t fd = -1;
  ASSERT_EQ(cordon_event_fd(host->client(), &fd, nullptr), CORDON_OK);
  ASSERT_EQ(host->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);
  pollfd readable{fd, POLLIN, 0};
  EXPECT_EQ(poll(&readable, 1, 0), 1);
  std::vector<std::string> states;
  std::int64_t first = 0;
  for (Reply event = host->next_event(0); event.status == CORDON_OK; event = host->next_event(0)) {
    if (first == 0) first = event.document["cursor"];
    if (event.document["kind"] != "vault") states.push_back(event.document["state"]);
  }
  ASSERT_GE(states.size(), 3u);
  EXPECT_EQ(states.front(), "queued");
  EXPECT_EQ(states.back(), "succeeded");
  EXPECT_EQ(poll(&readable, 1, 0), 0) << "nothing is unread";
  EXPECT_EQ(host->next_event(0, {{"after", 0}}).document["cursor"], first) << "an old cursor reads again";
  close(fd);
}

TEST_F(Contain, NextEventEndsWithNoEventAtItsTimeOut) {
  const auto host = open();
  while (host->next_event(0).status == CORDON_OK) {
  }
  EXPECT_EQ(host->next_event(30).status, CORDON_NO_EVENT);
}

TEST_F(Contain, InterruptEndsTheWaitAndChangesNothingAtTheService) {
  const auto host = open();
  Reply waited;
  std::thread waiter([&] {
    waited = host->restrict_device(cast("offline"), "c", {{"until", "finished"}, {"call_id", "w1"}});
  });
  while (emulator.posts() == 0) std::this_thread::yield();
  while (host->interrupt("w1").status != CORDON_OK) std::this_thread::yield();
  waiter.join();
  EXPECT_TRUE(waited.status == CORDON_PENDING || waited.status == CORDON_E_OUTCOME_UNKNOWN)
      << ::testing::PrintToString(waited);
  EXPECT_EQ(host->interrupt("w1").status, CORDON_E_NOT_FOUND);
  EXPECT_EQ(emulator.actions().size(), 1u);
  EXPECT_EQ(host->poll(waited.request_id(), 300).status, CORDON_PENDING);
}

TEST_F(Contain, ASubmittedRequestReachesItsEndWithoutACaller) {
  const auto host = open();
  const Reply id = host->submit("restrict_code_execution", {{"machine_id", machine()}, {"comment", "c"}});
  ASSERT_EQ(id.status, CORDON_OK) << id.message();
  EXPECT_EQ(host->poll(id.text).status, CORDON_OK);
  EXPECT_EQ(host->withdraw(id.text).status, CORDON_E_INVALID_STATE);
}

TEST_F(Contain, AKilledHostIsCarriedOnByTheNext) {
  // The child is forked before any client exists, as a worker of a pre-forking host is.
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Host host(config);
    host.set_secret("emulator-app", emulator.ready()["client_secret"]);
    // What may be lost before its first byte is sent anew only where the service has shown a mark of ours before.
    if (host.restrict_device(machine(1)).request_id().empty()) _exit(1);
    const Reply id = host.submit("restrict_code_execution", {{"machine_id", machine()}, {"comment", "c"}});
    (void)!write(ready[1], id.text.data(), id.text.size());
    pause();
    _exit(0);
  }
  std::string id(36, '\0');
  ASSERT_EQ(read(ready[0], id.data(), id.size()), 36);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  close(ready[0]);
  close(ready[1]);

  const auto host = open();
  const Reply finished = host->poll(id);
  EXPECT_EQ(finished.status, CORDON_OK) << ::testing::PrintToString(finished);
  EXPECT_EQ(emulator.actions().size(), 2u) << "one for each device";
  EXPECT_LE(emulator.posts(), 2);
}

TEST_F(Contain, ASecondClientSharesTheLedger) {
  const auto host = open();
  Host second(config);
  ASSERT_EQ(second.opened().status, CORDON_OK) << second.opened().message();
  const Reply first = host->restrict_device(cast("offline"));
  const Reply joined = second.restrict_device(cast("offline"));
  EXPECT_EQ(joined.status, CORDON_PENDING) << ::testing::PrintToString(joined);
  EXPECT_EQ(joined.request_id(), first.request_id());
  EXPECT_EQ(emulator.posts(), 1);
}

TEST_F(Contain, ANewLedgerTakesOverWhatTheServiceHoldsOpen) {
  const Reply first = open()->restrict_device(cast("offline"));
  ASSERT_EQ(first.status, CORDON_PENDING) << first.message();
  config["state_dir"] = (emulator.directory() / "another").string();
  const auto host = open();
  const Reply joined = host->restrict_device(cast("offline"));
  EXPECT_EQ(joined.status, CORDON_PENDING) << ::testing::PrintToString(joined);
  EXPECT_EQ(joined.document["action_id"], first.document["action_id"]);
  EXPECT_EQ(emulator.posts(), 1);
}

TEST_F(Contain, ReloadAddsATenantAndKeepsWhatIsOpen) {
  const auto host = open();
  Json next = config;
  next["tenants"]["fabrikam"] = next["tenants"]["contoso"];
  next["default_tenant"] = "contoso";
  EXPECT_EQ(host->reload(next).status, CORDON_OK);
  EXPECT_EQ(host->restrict_device(machine(), "c", {{"tenant", "fabrikam"}, {"until", "finished"}}).status, CORDON_OK);
  next["state_dir"] = "/elsewhere";
  const Reply moved = host->reload(next);
  EXPECT_EQ(moved.status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(moved.pointer(), "/state_dir");
}

TEST_F(Contain, AfterShutdownEveryCallSaysSo) {
  const auto host = open();
  EXPECT_EQ(host->shutdown().status, CORDON_OK);
  EXPECT_EQ(host->restrict_device(machine()).status, CORDON_E_SHUTTING_DOWN);
  EXPECT_EQ(host->next_event(0).status, CORDON_E_SHUTTING_DOWN);
  EXPECT_EQ(host->shutdown().status, CORDON_OK) << "a second shutdown is harmless";
}

TEST_F(Contain, ShutdownWakesAWaitingCallAndTellsTheTruth) {
  const auto host = open();
  Reply waited;
  std::thread waiter([&] { waited = host->restrict_device(cast("offline"), "c", {{"until", "finished"}}); });
  while (emulator.actions().empty()) std::this_thread::yield();
  EXPECT_EQ(host->shutdown().status, CORDON_OK);
  waiter.join();
  EXPECT_TRUE(waited.status == CORDON_PENDING || waited.status == CORDON_E_OUTCOME_UNKNOWN)
      << ::testing::PrintToString(waited);
}

TEST_F(Contain, ReadsComeFromTheService) {
  const auto host = open();
  const Reply device = host->call("get_machine", {{"machine_id", machine()}});
  EXPECT_EQ(device.status, CORDON_OK) << device.message();
  EXPECT_EQ(device.document["id"], machine());
  const Reply health = host->call("health");
  EXPECT_EQ(health.status, CORDON_OK) << health.message();
  EXPECT_EQ(health.document["tenants"]["contoso"]["ok"], true);
  EXPECT_EQ(host->call("quota").document["classes"]["machines"]["windows"][0]["used"], 1);
  EXPECT_EQ(host->call("ledger_check").document["intact"], true);
}

TEST_F(Contain, WhatThisVersionDoesNotOfferSaysSo) {
  Json guarded = config;
  guarded["policy"] = {{"allow_servers", false}};
  EXPECT_EQ(Host(guarded).opened().status, CORDON_E_NOT_SUPPORTED) << "a guard rail is never read and ignored";
}

}  // namespace
}  // namespace cordon::test

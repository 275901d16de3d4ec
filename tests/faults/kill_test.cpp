#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "e2e/host.hpp"
#include "faults/holding_relay.hpp"
#include "faults/worker_process.hpp"

namespace cordon::test {
namespace {

using Stage = HoldingRelay::Stage;

constexpr unsigned kSeed = 20260214;

/// Where a worker is in the life of its request when it is killed.
enum class Phase {
  IntentWritten,    ///< the request is recorded and waits; nothing has left
  BytesSent,        ///< it has left as a whole, and the service may or may not have got it
  AnswerUnread,     ///< the service has applied and answered it
  OutcomeRecorded,  ///< the worker has told what became of it
  AnyMoment         ///< some time after it was asked to submit
};
constexpr std::array kPhases = {Phase::IntentWritten, Phase::BytesSent, Phase::AnswerUnread, Phase::OutcomeRecorded,
                                Phase::AnyMoment};

/// `CORDON_KILLS` and `CORDON_KILL_WORKERS` make the run longer: tests/run.sh --load does.
int number_from(const char *variable, int otherwise) {
  const char *text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

/// What was done to the request for one device, and what had become known of it by then.
struct Story {
  Phase phase;
  bool acknowledged = false;  ///< the worker had said that it is recorded
  bool thrown_away = false;   ///< what it sent never reached the service
};

/// Workers on one ledger, each killed again and again at a moment of choice and started anew. Nothing is lost, nothing
/// is applied twice, and what is recorded in the end is what the service has.
class Kill : public EmulatorTest {
 protected:
  Kill() : EmulatorTest({"--speed", "60", "--machines", std::to_string(kills + 10), "--quota", "1000000/60s"}) {
    config["quota"] = "1000000/60s";
    config["reconcile"]["settle_ms"] = 2000;
    through_the_relay = config;
    through_the_relay["tenant_defaults"]["cloud"]["api"] = relay.origin();
    through_the_relay["tenant_defaults"]["cloud"]["login"] = relay.origin();
    through_the_relay["http"]["ca_file"] = ca.file();
  }

  std::unique_ptr<WorkerProcess> start_worker(bool with_secret) {
    auto worker = std::make_unique<WorkerProcess>(through_the_relay, emulator.directory());
    EXPECT_EQ(worker->opened().status, "CORDON_OK") << worker->opened().text;
    if (with_secret) {
      const auto set = worker->ask("secret emulator-app " + text_or(emulator.ready(), "client_secret"));
      EXPECT_EQ(set.status, "CORDON_OK") << set.text;
    }
    return worker;
  }

  /// Submits a request for the device and kills the worker when it is in that phase.
  Story kill_one(WorkerProcess &worker, const std::string &device, Phase phase, std::mt19937 &chance) {
    Story story{.phase = phase};
    if (phase == Phase::BytesSent) relay.hold(device, Stage::Request);
    if (phase == Phase::AnswerUnread) relay.hold(device, Stage::Answer);
    if (phase == Phase::OutcomeRecorded) {
      const auto acted = worker.ask("act " + device + " 60000");
      EXPECT_TRUE(acted.status == "CORDON_PENDING" || acted.status == "CORDON_OK") << acted.status << acted.text;
      story.acknowledged = true;
    } else if (phase == Phase::AnyMoment) {
      worker.tell("submit " + device);
      std::this_thread::sleep_for(std::chrono::microseconds(chance() % 30'000));  // the moment is what is drawn
    } else {
      const auto submitted = worker.ask("submit " + device);
      EXPECT_EQ(submitted.status, "CORDON_OK") << submitted.text;
      story.acknowledged = true;
    }
    const bool held = phase == Phase::BytesSent || phase == Phase::AnswerUnread;
    if (held) {
      EXPECT_TRUE(relay.wait_until_held(device));
    }
    worker.kill();
    if (!held) return story;
    story.thrown_away = phase == Phase::BytesSent && chance() % 2 == 0;
    relay.let_go(device, !story.thrown_away);
    return story;
  }

  /// One worker's lives, one after the other. A worker that shall die before anything has left has no secret.
  void live_and_die(int slot, int workers) {
    std::mt19937 chance(kSeed + static_cast<unsigned>(slot));
    for (int i = slot; i < kills; i += workers) {
      // By rounds of all workers, so that each goes through every phase.
      const Phase phase = kPhases[static_cast<std::size_t>(i / workers + slot) % kPhases.size()];
      const std::string device = machine(static_cast<std::size_t>(i));
      const auto worker = start_worker(phase != Phase::IntentWritten);
      stories[static_cast<std::size_t>(i)] = kill_one(*worker, device, phase, chance);
    }
  }

  static Json requests_of(Host &host) {
    const Reply listed = host.call("list_requests", {{"filter", {{"top", 10'000}}}});
    EXPECT_EQ(listed.status, CORDON_OK) << listed.message();
    return listed.document["requests"];
  }

  /// Follows every request to its end.
  Json settle(Host &host) {
    for (const Json &request : requests_of(host)) {
      const Reply end = host.poll(request["request_id"], 60'000);
      EXPECT_EQ(end.status, CORDON_OK) << ::testing::PrintToString(end);
    }
    return requests_of(host);
  }

  static inline const int kills = number_from("CORDON_KILLS", 60);
  TestCa ca;
  HoldingRelay relay{ca.issue(), emulator.url(), emulator.ca_file()};
  Json through_the_relay;
  std::vector<Story> stories = std::vector<Story>(static_cast<std::size_t>(kills));
};

TEST_F(Kill, OfWorkersOnOneLedgerInEveryPhaseLosesNothingAndAppliesNothingTwice) {
  const int workers = number_from("CORDON_KILL_WORKERS", 8);
  start_worker(true)->finish();  // makes the ledger
  std::vector<std::thread> lives;
  for (int slot = 0; slot < workers; ++slot) lives.emplace_back([this, slot, workers] { live_and_die(slot, workers); });
  for (std::thread &life : lives) life.join();

  const auto host = open();
  const Json requests = settle(*host);
  std::map<std::string, Json> at_service;
  for (const Json &action : emulator.actions())
    EXPECT_TRUE(at_service.emplace(action["machineId"], action).second) << action["machineId"] << " twice";
  std::map<std::string, Json> recorded;
  for (const Json &request : requests)
    EXPECT_TRUE(recorded.emplace(request["machine_id"], request).second) << request.dump();

  std::map<Phase, int> landed;
  for (std::size_t i = 0; i < stories.size(); ++i) {
    const Story &story = stories[i];
    const std::string device = machine(i);
    SCOPED_TRACE(device + " phase " + std::to_string(static_cast<int>(story.phase)));
    ++landed[story.phase];
    const auto request = recorded.find(device);
    if (request == recorded.end()) {
      EXPECT_FALSE(story.acknowledged) << "lost";
      EXPECT_EQ(at_service.count(device), 0u) << "applied and not recorded";
      continue;
    }
    EXPECT_LE(relay.posts(device), story.thrown_away ? 2 : 1) << "sent again though it was applied";
    const auto action = at_service.find(device);
    ASSERT_NE(action, at_service.end()) << "not sent again: " << request->second.dump();
    EXPECT_EQ(request->second["state"], "succeeded") << request->second.dump();
    EXPECT_EQ(request->second["action_id"], action->second["id"]);
    EXPECT_EQ(action->second["status"], "Succeeded");
  }
  for (const Phase phase : kPhases) EXPECT_GE(landed[phase], kills / static_cast<int>(kPhases.size()) - 1);
  EXPECT_EQ(host->call("ledger_check").document["intact"], true);
}

}  // namespace
}  // namespace cordon::test

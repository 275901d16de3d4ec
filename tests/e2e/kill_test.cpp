#include <sys/wait.h>

#include <csignal>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "e2e/host.hpp"

namespace cordon::test {
namespace {

constexpr int kRounds = 20;
constexpr std::size_t kRequests = 5;
constexpr unsigned kSeed = 20260203;

/// A worker that is killed at any moment loses nothing, does nothing twice, and leaves the next one the truth.
class Kill : public EmulatorTest {
 protected:
  Kill() : EmulatorTest({"--speed", "60", "--machines", std::to_string(kRounds * kRequests + 1)}) {
    config["quota"] = "100000/60s";
  }

  /// A process that opens a client, says so, and submits, telling of each request, until it is killed.
  pid_t start_worker(std::size_t round, int progress) {
    const pid_t child = fork();
    if (child != 0) return child;
    Host host(config);
    host.set_secret("emulator-app", emulator.ready()["client_secret"]);
    (void)!write(progress, "o", 1);
    for (std::size_t i = 0; i < kRequests; ++i) {
      host.submit("restrict_code_execution", {{"machine_id", machine(round * kRequests + i)}, {"comment", "c"}});
      (void)!write(progress, "s", 1);
    }
    pause();
    _exit(0);
  }

  /// Some time after it has submitted so many. Yields how many it knew to be recorded.
  std::size_t kill_a_worker(std::size_t round, std::size_t submitted, std::chrono::microseconds after) {
    int progress[2];
    EXPECT_EQ(pipe(progress), 0);
    const pid_t worker = start_worker(round, progress[1]);
    close(progress[1]);
    char byte = 0;
    std::size_t told = 0;
    while (told <= submitted && read(progress[0], &byte, 1) == 1) ++told;
    std::this_thread::sleep_for(after);  // the moment of death is what is drawn
    EXPECT_EQ(kill(worker, SIGKILL), 0);
    int status = 0;
    EXPECT_EQ(waitpid(worker, &status, 0), worker);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    while (read(progress[0], &byte, 1) == 1) ++told;
    close(progress[0]);
    EXPECT_GT(told, submitted);
    return told - 1;
  }

  static Json requests_of(Host &host) { return host.call("list_requests").document["requests"]; }
};

TEST_F(Kill, AtAnyMomentLosesNothingAndSendsNothingTwice) {
  std::mt19937 chance(kSeed);
  std::uniform_int_distribution<std::size_t> submitted(0, kRequests);
  std::uniform_int_distribution<int> moment_us(0, 20'000);
  std::size_t acknowledged = 0;
  std::set<std::string> followed;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const std::size_t after = submitted(chance);
    acknowledged += kill_a_worker(round, after, std::chrono::microseconds(moment_us(chance)));
    const auto next = open();
    const Json requests = requests_of(*next);
    EXPECT_GE(requests.size(), acknowledged) << "round " << round;
    for (const Json &request : requests) {
      if (!followed.insert(request["request_id"]).second) continue;
      const Reply end = next->poll(request["request_id"], 60'000);
      EXPECT_TRUE(end.status == CORDON_OK || end.status == CORDON_E_OUTCOME_UNKNOWN) << ::testing::PrintToString(end);
    }
    EXPECT_EQ(next->call("ledger_check").document["intact"], true) << "round " << round;
  }
  EXPECT_GT(acknowledged, static_cast<std::size_t>(kRounds)) << "the moments are drawn too early to test anything";

  std::map<std::string, std::string> at_service;  // device to action
  for (const Json &action : emulator.actions())
    EXPECT_TRUE(at_service.emplace(action["machineId"], action["id"]).second) << action["machineId"] << " twice";
  // Every POST made an action, and no device has two: none was sent twice.
  EXPECT_EQ(emulator.posts(), static_cast<long>(at_service.size()));

  const auto host = open();
  int unknown = 0;
  for (const Json &request : requests_of(*host)) {
    const std::string state = request["state"];
    const std::string action = at_service[request["machine_id"]];
    at_service.erase(request["machine_id"]);
    EXPECT_TRUE(state == "succeeded" || state == "unknown") << request.dump();
    EXPECT_EQ(text_or(request, "action_id"), action) << "what the service has was not found: " << request.dump();
    unknown += state == "unknown" ? 1 : 0;
  }
  EXPECT_TRUE(at_service.empty()) << "a device was contained and nothing was recorded";
  RecordProperty("acknowledged", static_cast<int>(acknowledged));
  RecordProperty("unknown", unknown);
}

}  // namespace
}  // namespace cordon::test

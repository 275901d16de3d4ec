#include <optional>
#include <set>
#include <thread>

#include "e2e/host.hpp"
#include "support/nginx.hpp"

namespace cordon::test {
namespace {

constexpr const char *kRestrict = "POST /api/machines/{id}/restrictCodeExecution";

/// nginx before the service: HTTP/2, many requests on one connection, and a gateway's own answers.
class Front : public EmulatorTest {
 protected:
  Front() : EmulatorTest({"--speed", "60", "--machines", "60", "--quota", "1000000/60s"}) {
    config["quota"] = "1000000/60s";
    config["reconcile"]["settle_ms"] = 300;
  }
  void SetUp() override {
    if (!Nginx::is_installed()) GTEST_SKIP() << "nginx is not installed";
  }
  /// The client's way to the API leads through it; to the login authority it does not.
  void start(int keepalive_requests = 1000, int port = 0) {
    front.reset();
    front.emplace(ca.issue(), emulator.url(), keepalive_requests, port);
    ASSERT_TRUE(front->is_up());
    config["tenant_defaults"]["cloud"]["api"] = front->origin();
    config["http"]["ca_file"] = both_authorities();
  }
  std::string both_authorities() const {
    const std::string file = (emulator.directory() / "both.pem").string();
    std::ofstream out(file);
    for (const std::string &one : {ca.file(), emulator.ca_file()}) out << std::ifstream(one).rdbuf() << "\n";
    return file;
  }
  void expect_each_applied_once(std::size_t count) {
    std::set<std::string> devices;
    for (const Json &action : emulator.actions()) EXPECT_TRUE(devices.insert(action["machineId"]).second);
    EXPECT_EQ(devices.size(), count);
    EXPECT_EQ(emulator.posts(), static_cast<long>(count));
  }

  TestCa ca;
  std::optional<Nginx> front;
};

TEST_F(Front, AGatewaysAnswerForALostOneIsNoAnswer) {
  start();
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(0)).status, CORDON_PENDING);
  std::size_t i = 1;
  for (const char *kind : {"drop_after", "error_after", "garbage", "wrong_machine", "slow"}) {
    emulator.arm_fault({{"endpoint", kRestrict}, {"kind", kind}, {"seconds", 1}});
    const Reply reply = host->restrict_device(machine(i++), "c", {{"until", "finished"}});
    EXPECT_EQ(reply.status, CORDON_OK) << kind << " " << ::testing::PrintToString(reply);
    EXPECT_EQ(reply.document["adopted"], false);
  }
  expect_each_applied_once(i);
}

TEST_F(Front, ThatEndsItsConnectionsAgainAndAgainGetsEveryPostOnce) {
  start(3);
  const auto host = open();
  for (std::size_t i = 0; i < 20; ++i) {
    const Reply reply = host->restrict_device(machine(i));
    EXPECT_EQ(reply.status, CORDON_PENDING) << i << " " << ::testing::PrintToString(reply);
  }
  expect_each_applied_once(20);
}

TEST_F(Front, ThatIsKilledWithManyAnswersOnTheirWayLosesNone) {
  constexpr std::size_t kAtOnce = 20;
  start();
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(0)).status, CORDON_PENDING);
  emulator.arm_fault({{"endpoint", kRestrict}, {"kind", "slow"}, {"seconds", 30}, {"times", kAtOnce}});
  std::vector<std::string> ids;
  for (std::size_t i = 1; i <= kAtOnce; ++i)
    ids.push_back(host->submit("restrict_code_execution", {{"machine_id", machine(i)}, {"comment", "c"}}).text);
  while (emulator.actions().size() < kAtOnce + 1) std::this_thread::yield();
  start(1000, front->port());  // the old one dies with all their streams
  for (const std::string &id : ids) {
    const Reply end = host->poll(id, 60'000);
    EXPECT_EQ(end.status, CORDON_OK) << ::testing::PrintToString(end);
  }
  expect_each_applied_once(kAtOnce + 1);
}

}  // namespace
}  // namespace cordon::test

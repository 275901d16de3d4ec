#include <array>
#include <set>

#include "e2e/host.hpp"
#include "faults/worker_process.hpp"

namespace cordon::test {
namespace {

/// Processes that share a ledger, of which one asks the service for all.
class Events : public EmulatorTest {
 protected:
  Events() { config["quota"] = "1000000/60s"; }

  std::unique_ptr<WorkerProcess> start() {
    auto worker = std::make_unique<WorkerProcess>(config, emulator.directory());
    EXPECT_EQ(worker->opened().status, "CORDON_OK") << worker->opened().text;
    worker->ask("secret emulator-app " + text_or(emulator.ready(), "client_secret"));
    return worker;
  }
};

TEST_F(Events, OfARequestReachItsSubmitterWhoeverWroteThem) {
  constexpr int kEach = 3;
  const std::array workers = {start(), start(), start()};
  std::array<std::set<std::string>, workers.size()> submitted;
  std::size_t next = 0;
  for (std::size_t i = 0; i < workers.size(); ++i)
    for (int n = 0; n < kEach; ++n) submitted[i].insert(workers[i]->ask("submit " + machine(next++)).text);
  for (std::size_t i = 0; i < workers.size(); ++i) {
    std::set<std::string> ended;
    workers[i]->tell("follow " + std::to_string(kEach) + " 60000");
    auto reply = workers[i]->hear();
    for (; reply.document.is_object(); reply = workers[i]->hear())
      if (text_or(reply.document, "state") == "succeeded") ended.insert(reply.document["request_id"]);
    EXPECT_EQ(reply.status, "CORDON_OK") << "the ends of its requests did not come";
    EXPECT_EQ(ended, submitted[i]) << "worker " << i;
  }
}

}  // namespace
}  // namespace cordon::test

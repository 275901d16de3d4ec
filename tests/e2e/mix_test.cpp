#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "e2e/host.hpp"

namespace cordon::test {
namespace {

constexpr std::size_t kThreads = 32;
constexpr unsigned kMixSeed = 20260301;

/// Many host threads that call every function of the ABI as they like, while the client is reloaded, shut down and
/// freed under them. Run under ThreadSanitizer this is the proof that any thread may call anything.
class Mix : public EmulatorTest {
 protected:
  Mix() : EmulatorTest({"--speed", "60", "--machines", "400", "--quota", "1000000/60s"}) {
    config["quota"] = "1000000/60s";
    config["reconcile"]["settle_ms"] = 100;
  }

  /// One call, chosen by chance. Its status is one that the contract allows for it, whenever the client ends.
  void call_something(Host &host, std::mt19937 &chance) {
    const std::string device = machine(chance() % 400);
    const std::int32_t soon = 1 + static_cast<std::int32_t>(chance() % 300);
    switch (chance() % 18) {
      case 0:
      case 1:
        note(host.restrict_device(device, "c", {{"call_id", "c" + std::to_string(chance() % 8)}}, soon));
        break;
      case 2:
        note(host.quarantine(device, file(), "c", {{"until", "finished"}}, soon));
        break;
      case 3:
      case 4:
        note(host.submit("isolate", {{"machine_id", device}, {"comment", "c"}, {"isolation_type", "Full"}}));
        break;
      case 5:
        note(host.call("get_machine", {{"machine_id", device}}, soon));
        break;
      case 6:
        note(host.call("list_requests"));
        break;
      case 7:
        note(host.call(chance() % 2 == 0 ? "health" : "quota"));
        break;
      case 8:
        note(host.poll(some_request(host), static_cast<std::int32_t>(chance() % 200)));
        break;
      case 9:
        note(host.withdraw(some_request(host)));
        break;
      case 10:
        note(host.interrupt("c" + std::to_string(chance() % 8)));
        break;
      case 11:
        note(host.next_event(static_cast<std::int32_t>(chance() % 100)));
        break;
      case 12:
        read_an_event_descriptor(host);
        break;
      case 13:
        note(host.reload(config));
        break;
      case 14:
        note(host.set_secret("other", "value"));
        break;
      case 15:
        note_status(cordon_secret_remove(host.client(), "other", nullptr));
        break;
      case 16:
        look_at_the_vault(host);
        break;
      default:
        EXPECT_NE(cordon_manifest(), nullptr);
        EXPECT_STREQ(cordon_status_name(CORDON_OK), "CORDON_OK");
        EXPECT_NE(cordon_get_api(1), nullptr);
        break;
    }
  }

  void read_an_event_descriptor(const Host &host) {
    std::int32_t fd = -1;
    note_status(cordon_event_fd(host.client(), &fd, nullptr));
    if (fd < 0) return;
    char bytes[8];
    (void)!read(fd, bytes, sizeof bytes);
    close(fd);
  }
  void look_at_the_vault(const Host &host) {
    char *text = nullptr;
    note_status(cordon_vault_status(host.client(), &text, nullptr));
    cordon_string_free(text);
    note_status(cordon_vault_unlock(host.client(), "key", std::string(32, 'k').data(), 32, nullptr));
  }
  static std::string some_request(Host &host) {
    const Reply listed = host.call("list_requests", {{"filter", {{"top", 1}}}});
    const bool found = listed.status == CORDON_OK && !listed.document["requests"].empty();
    return found ? listed.document["requests"][0]["request_id"] : "6a1f2c3d-0b4e-4f5a-9c6d-7e8f90a1b2c3";
  }

  template <class Condition>
  static void wait_for(Condition condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  void note(const Reply &reply) { note_status(reply.status); }
  void note_status(std::int32_t status) {
    EXPECT_NE(status, CORDON_E_INTERNAL);
    EXPECT_NE(status, CORDON_E_FORKED);
    EXPECT_NE(status, CORDON_E_LEDGER);
    if (status == CORDON_E_SHUTTING_DOWN) ++shut_down;
    if (status == CORDON_E_INVALID_HANDLE) ++after_the_end;
    ++calls;
  }

  std::atomic<long> calls{0}, shut_down{0}, after_the_end{0};
};

TEST_F(Mix, OfEveryFunctionFromManyThreadsWhileTheClientEndsIsCleanAndTrue) {
  for (unsigned round = 0; round < 2; ++round) {
    const auto host = open();
    std::atomic<bool> end{false};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        std::mt19937 chance(kMixSeed + round * 100 + i);
        while (!end) call_something(*host, chance);
      });
    const long begun = calls;
    wait_for([&] { return calls >= begun + 400; });
    const Reply shut = host->shutdown(static_cast<std::int32_t>(round * 600 + 1));
    EXPECT_EQ(shut.status, CORDON_OK) << shut.message();
    const long known = shut_down;
    wait_for([&] { return shut_down >= known + 100; });
    cordon_client_free(host->client());
    wait_for([&] { return after_the_end >= 50; });
    end = true;
    for (std::thread &thread : threads) thread.join();
    after_the_end = 0;
  }
  // No device has two open actions of one kind, and what the ledger says has ended did.
  const auto host = open();
  EXPECT_EQ(host->call("ledger_check").document["intact"], true);
  const Reply ended = host->call("list_requests", {{"filter", {{"top", 10'000}, {"state", "succeeded"}}}});
  std::map<std::string, std::string> at_service;  // later than the ledger, for actions go on ending
  for (const Json &action : emulator.actions()) at_service[action["id"]] = action["status"];
  for (const Json &request : ended.document["requests"])
    EXPECT_EQ(at_service[request["action_id"]], "Succeeded") << request.dump();
}

}  // namespace
}  // namespace cordon::test

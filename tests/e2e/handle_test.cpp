#include <array>
#include <thread>

#include "e2e/host.hpp"
#include "support/child.hpp"

namespace cordon::test {
namespace {

/// Calls by a handle that is none, each of which must be refused without a look at what it points to.
void expect_every_call_refuses(cordon_client *handle) {
  const std::string machine(40, 'a');
  const char *request = "{}";
  const char *id = "6a1f2c3d-0b4e-4f5a-9c6d-7e8f90a1b2c3";
  std::int32_t fd = 7;
  char *text = nullptr;
  cordon_error *error = nullptr;
  const std::array statuses = {
      cordon_restrict_code_execution(handle, machine.c_str(), "c", nullptr, -1, &text, nullptr),
      cordon_stop_and_quarantine(handle, machine.c_str(), machine.c_str(), "c", nullptr, -1, &text, nullptr),
      cordon_poll_action(handle, id, nullptr, -1, &text, nullptr),
      cordon_call(handle, "health", request, -1, &text, nullptr),
      cordon_submit(handle, "isolate", request, &text, nullptr),
      cordon_next_event(handle, nullptr, -1, &text, nullptr),
      cordon_event_fd(handle, &fd, nullptr),
      cordon_withdraw(handle, id, nullptr),
      cordon_interrupt(handle, "call", nullptr),
      cordon_vault_unlock(handle, "key", "x", 1, nullptr),
      cordon_secret_set(handle, "name", "x", 1, nullptr),
      cordon_secret_remove(handle, "name", nullptr),
      cordon_vault_status(handle, &text, nullptr),
      cordon_reload(handle, request, nullptr),
      cordon_shutdown(handle, -1, &error)};
  for (std::size_t i = 0; i < statuses.size(); ++i) EXPECT_EQ(statuses[i], CORDON_E_INVALID_HANDLE) << "call " << i;
  EXPECT_EQ(fd, -1);
  EXPECT_EQ(text, nullptr);
  EXPECT_EQ(cordon_error_status(error), CORDON_E_INVALID_HANDLE);
  cordon_error_free(error);
  cordon_client_free(handle);
}

/// A real client at work while the host mistreats its handles, its process or its threads.
class Handle : public EmulatorTest {
 protected:
  /// A call that waits for a device that never comes.
  std::thread wait_in_thread(Host &host, Reply &reply, std::int32_t timeout_ms) {
    return std::thread([this, &host, &reply, timeout_ms] {
      reply = host.restrict_device(cast("offline"), "c", {{"until", "finished"}}, timeout_ms);
    });
  }
  void wait_for_an_action() {
    while (emulator.actions().empty()) std::this_thread::yield();
  }
};

TEST_F(Handle, ThatIsNoneDisturbsNoCallUnderWay) {
  cordon_client *freed = nullptr;
  {
    Json other = config;
    other["state_dir"] = (emulator.directory() / "other").string();
    const Host closed(other);
    freed = closed.client();
  }
  const auto host = open();
  Reply waited;
  std::thread waiter = wait_in_thread(*host, waited, 4'000);
  wait_for_an_action();
  const auto number = reinterpret_cast<std::uintptr_t>(host->client());
  for (const std::uintptr_t none : {std::uintptr_t{0}, std::uintptr_t{1}, reinterpret_cast<std::uintptr_t>(freed),
                                    reinterpret_cast<std::uintptr_t>(this), number + 2, number ^ 1, ~number})
    expect_every_call_refuses(reinterpret_cast<cordon_client *>(none));
  EXPECT_EQ(host->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);
  waiter.join();
  EXPECT_EQ(waited.status, CORDON_PENDING) << ::testing::PrintToString(waited);
}

TEST_F(Handle, OfOneClientSaysNothingAboutAnothers) {
  Json other_config = config;
  other_config["state_dir"] = (emulator.directory() / "other").string();
  const auto host = open();
  const Reply mine = host->restrict_device(cast("offline"));
  ASSERT_EQ(mine.status, CORDON_PENDING);
  Host other(other_config);
  EXPECT_EQ(other.poll(mine.request_id(), 0).status, CORDON_E_NOT_FOUND);
  EXPECT_EQ(other.withdraw(mine.request_id()).status, CORDON_E_NOT_FOUND);
  EXPECT_EQ(host->poll(mine.request_id(), 0).status, CORDON_PENDING);
}

TEST_F(Handle, InAForkedChildSaysForkedWhileTheParentGoesOn) {
  const auto host = open();
  Reply waited;
  std::thread waiter = wait_in_thread(*host, waited, 4'000);
  wait_for_an_action();
  const std::string said = in_child([&]() -> std::string {
    const std::int32_t acted =
        cordon_restrict_code_execution(host->client(), machine(1).c_str(), "c", nullptr, -1, nullptr, nullptr);
    const std::int32_t polled = cordon_call(host->client(), "health", "{}", -1, nullptr, nullptr);
    cordon_client *second = nullptr;
    const std::int32_t opened = cordon_init(CORDON_ABI_VERSION, config.dump().c_str(), &second, nullptr);
    cordon_client_free(host->client());
    return std::string(cordon_status_name(acted)) + " " + cordon_status_name(polled) + " " +
           cordon_status_name(opened) + (second == nullptr ? "" : " and a client");
  });
  EXPECT_EQ(said, "CORDON_E_FORKED CORDON_E_FORKED CORDON_E_FORKED");
  EXPECT_EQ(host->restrict_device(machine(0), "c", {{"until", "finished"}}).status, CORDON_OK);
  waiter.join();
  EXPECT_EQ(waited.status, CORDON_PENDING) << ::testing::PrintToString(waited);
  EXPECT_EQ(host->call("ledger_check").document["intact"], true);
  EXPECT_EQ(emulator.actions().size(), 2u) << "the child sent nothing";
}

TEST_F(Handle, AChildForkedWhileAClientWasOpenDoesNotKeepTheLedger) {
  int stay[2];
  ASSERT_EQ(pipe(stay), 0);
  auto host = open();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(stay[1]);
    char end = 0;
    _exit(read(stay[0], &end, 1) == 0 ? 0 : 1);  // until the parent is done
  }
  close(stay[0]);
  host.reset();
  EXPECT_EQ(Host(config).opened().status, CORDON_OK);
  close(stay[1]);
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Handle, FreedDuringAWaitTellsTheWaiterTheTruth) {
  auto host = open();
  cordon_client *const handle = host->client();
  Reply acted;
  std::thread waiter = wait_in_thread(*host, acted, 60'000);
  wait_for_an_action();
  std::int32_t event = 0;
  std::thread listener([&] {
    do event = cordon_next_event(handle, nullptr, 60'000, nullptr, nullptr);
    while (event == CORDON_OK);
  });
  std::int32_t polled = 0;
  const std::string id = host->call("list_requests").document["requests"][0]["request_id"];
  std::thread poller([&] { polled = cordon_poll_action(handle, id.c_str(), nullptr, 60'000, nullptr, nullptr); });
  cordon_client_free(handle);
  for (std::thread *thread : {&waiter, &listener, &poller}) thread->join();
  EXPECT_TRUE(acted.status == CORDON_PENDING || acted.status == CORDON_E_OUTCOME_UNKNOWN)
      << ::testing::PrintToString(acted);
  // A thread that had not entered its call yet finds no handle any more.
  for (const std::int32_t status : {event, polled})
    EXPECT_TRUE(status == CORDON_E_SHUTTING_DOWN || status == CORDON_E_INVALID_HANDLE) << status;
  EXPECT_EQ(host->restrict_device(machine()).status, CORDON_E_INVALID_HANDLE);
  host.reset();

  const auto next = open();
  EXPECT_EQ(next->poll(id, 300).status, CORDON_PENDING) << "the next client follows it";
  EXPECT_EQ(emulator.posts(), 1);
}

}  // namespace
}  // namespace cordon::test

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "abi/calls.hpp"

namespace {

using namespace cordon::test;

/// The number `child` returns in a forked process, or −1 when that died.
template <class Child>
int in_fork(Child &&child) {
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

int count_calls_not_forked(cordon_client *client) {
  int wrong = 0;
  for (const ClientCall &call : client_calls())
    for (const char *text : {"text", static_cast<const char *>(nullptr)}) {
      Outputs o;
      o.out = poison<char>();
      char *const before = o.out;
      wrong += call.run(client, text, &o.out, &o.error) != CORDON_E_FORKED;
      wrong += cordon_error_status(o.error) != CORDON_E_FORKED;
      if (call.gives_text) wrong += o.out != nullptr;
      if (o.out == before) o.out = nullptr;
    }
  int32_t fd = 5;
  wrong += cordon_event_fd(client, &fd, nullptr) != CORDON_E_FORKED || fd != -1;
  wrong += cordon_vault_status(client, nullptr, nullptr) != CORDON_E_FORKED;
  wrong += cordon_shutdown(client, -1, nullptr) != CORDON_E_FORKED;
  return wrong;
}

TEST(Fork, EveryCallInAChildSaysForked) {
  const OpenClient client;
  EXPECT_EQ(in_fork([&] { return count_calls_not_forked(client.get()); }), 0);
  EXPECT_EQ(in_fork([&] { return count_calls_not_forked(nullptr); }), 0);
}

TEST(Fork, InitInAChildSaysForkedAndGivesNoClient) {
  const OpenClient client;
  EXPECT_EQ(in_fork([] {
              auto *handle = poison<cordon_client>();
              Outputs o;
              const int status = cordon_init(CORDON_ABI_VERSION, "{}", &handle, &o.error);
              const bool json = nlohmann::json::parse(o.json())["name"] == "CORDON_E_FORKED";
              return status == CORDON_E_FORKED && handle == nullptr && json ? 0 : 1;
            }),
            0);
}

TEST(Fork, AGrandchildIsForkedToo) {
  const OpenClient client;
  EXPECT_EQ(in_fork([&] { return in_fork([&] { return count_calls_not_forked(client.get()); }); }), 0);
}

TEST(Fork, TheParentGoesOn) {
  const OpenClient client;
  ASSERT_EQ(in_fork([] { return 0; }), 0);
  EXPECT_EQ(cordon_secret_remove(client.get(), "x", nullptr), CORDON_OK);
}

TEST(Fork, FreeAndDiscoveryAreHarmlessInAChild) {
  const OpenClient client;
  cordon_error *error = nullptr;
  cordon_secret_remove(nullptr, "x", &error);
  EXPECT_EQ(in_fork([&] {
              cordon_client_free(client.get());
              cordon_error_free(error);
              return cordon_get_api(1) != nullptr && cordon_abi_version() == 1000000 ? 0 : 1;
            }),
            0);
  cordon_error_free(error);
}

TEST(Fork, WithoutAClientAChildMayOpenOne) {
  { const OpenClient freed_before_the_fork; }
  EXPECT_EQ(in_fork([] {
              const OpenClient client;
              return client.status() == CORDON_OK && cordon_secret_remove(client.get(), "x", nullptr) == CORDON_OK ? 0
                                                                                                                   : 1;
            }),
            0);
}

TEST(Fork, AnInitThatFailedLeavesNoMark) {
  cordon_init(CORDON_ABI_VERSION, "status:-26", nullptr, nullptr);
  EXPECT_EQ(in_fork([] { return cordon_init(CORDON_ABI_VERSION, "{}", nullptr, nullptr); }), 0);
}

}  // namespace

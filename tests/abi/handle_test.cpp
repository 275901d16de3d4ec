#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "abi/calls.hpp"

namespace {

using namespace cordon::test;

void expect_every_call_refuses(cordon_client *handle) {
  for (const ClientCall &call : client_calls()) {
    Outputs o;
    EXPECT_EQ(call.run(handle, "text", &o.out, &o.error), CORDON_E_INVALID_HANDLE) << call.name;
    EXPECT_EQ(o.out, nullptr) << call.name;
    EXPECT_EQ(cordon_error_status(o.error), CORDON_E_INVALID_HANDLE) << call.name;
    EXPECT_NE(o.message().find("client"), std::string::npos) << call.name;
  }
  Outputs o;
  std::int32_t fd = 7;
  EXPECT_EQ(cordon_event_fd(handle, &fd, nullptr), CORDON_E_INVALID_HANDLE);
  EXPECT_EQ(fd, -1);
  EXPECT_EQ(cordon_vault_status(handle, &o.out, nullptr), CORDON_E_INVALID_HANDLE);
  EXPECT_EQ(cordon_shutdown(handle, 1000, nullptr), CORDON_E_INVALID_HANDLE);
  cordon_client_free(handle);
}

TEST(Handle, NullIsInvalidForEveryCall) {
  expect_every_call_refuses(nullptr);
}

TEST(Handle, GarbageIsInvalidForEveryCall) {
  const OpenClient live;
  const auto number = reinterpret_cast<std::uintptr_t>(live.get());
  for (const std::uintptr_t garbage :
       {std::uintptr_t{1}, std::uintptr_t{0xdeadbeef}, ~std::uintptr_t{0}, number ^ 2, number + 1, number - 1})
    expect_every_call_refuses(reinterpret_cast<cordon_client *>(garbage));
}

TEST(Handle, AnAddressOfTheHostIsInvalid) {
  int object = 0;
  expect_every_call_refuses(reinterpret_cast<cordon_client *>(&object));
}

TEST(Handle, AFreedOneIsInvalidForEveryCall) {
  cordon_client *handle = nullptr;
  ASSERT_EQ(cordon_init(CORDON_ABI_VERSION, "{}", &handle, nullptr), CORDON_OK);
  cordon_client_free(handle);
  expect_every_call_refuses(handle);
}

TEST(Handle, IsNeverGivenOutTwiceAndNeverAnAddress) {
  std::set<cordon_client *> seen;
  for (int i = 0; i < 500; ++i) {
    cordon_client *handle = nullptr;
    ASSERT_EQ(cordon_init(CORDON_ABI_VERSION, "{}", &handle, nullptr), CORDON_OK);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(handle) >> 62, 2u);
    EXPECT_TRUE(seen.insert(handle).second);
    cordon_client_free(handle);
  }
}

TEST(Handle, FreeingOneClientLeavesTheOthers) {
  const OpenClient kept;
  { const OpenClient freed; }
  Outputs o;
  EXPECT_EQ(cordon_poll_action(kept.get(), "x", nullptr, 0, &o.out, &o.error), CORDON_OK) << o.message();
}

TEST(Handle, ManyThreadsMayFreeTheSameOne) {
  for (int round = 0; round < 50; ++round) {
    cordon_client *handle = nullptr;
    ASSERT_EQ(cordon_init(CORDON_ABI_VERSION, "{}", &handle, nullptr), CORDON_OK);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([handle] {
        cordon_secret_remove(handle, "name", nullptr);
        cordon_client_free(handle);
      });
    for (auto &thread : threads) thread.join();
    EXPECT_EQ(cordon_secret_remove(handle, "name", nullptr), CORDON_E_INVALID_HANDLE);
  }
}

TEST(Handle, ACallThatWaitsIsWokenByFree) {
  cordon_client *handle = nullptr;
  ASSERT_EQ(cordon_init(CORDON_ABI_VERSION, "{}", &handle, nullptr), CORDON_OK);
  std::atomic<int> started{0};
  std::vector<std::int32_t> statuses(4);
  std::vector<std::thread> threads;
  for (auto &status : statuses)
    threads.emplace_back([&, handle] {
      ++started;
      status = cordon_poll_action(handle, "wait", nullptr, -1, nullptr, nullptr);
    });
  while (started < 4) std::this_thread::yield();
  cordon_client_free(handle);
  for (auto &thread : threads) thread.join();
  // A thread that had not entered the call yet finds no handle any more.
  for (const auto status : statuses)
    EXPECT_TRUE(status == CORDON_E_SHUTTING_DOWN || status == CORDON_E_INVALID_HANDLE) << status;
}

TEST(Handle, AfterShutdownItIsStillKnownAndCallsSayShuttingDown) {
  const OpenClient client;
  ASSERT_EQ(cordon_shutdown(client.get(), -1, nullptr), CORDON_OK);
  for (const ClientCall &call : client_calls())
    EXPECT_EQ(call.run(client.get(), "text", nullptr, nullptr), CORDON_E_SHUTTING_DOWN) << call.name;
  EXPECT_EQ(cordon_shutdown(client.get(), -1, nullptr), CORDON_OK);
}

}  // namespace

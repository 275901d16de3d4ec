#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "abi/calls.hpp"

namespace {

using namespace cordon::test;
using Json = nlohmann::json;

TEST(Init, TakesTheSameMajorAndANotNewerMinor) {
  for (const uint32_t good : {1000000u, 1000001u, 1000999u}) {
    cordon_client *handle = nullptr;
    EXPECT_EQ(cordon_init(good, "{}", &handle, nullptr), CORDON_OK) << good;
    cordon_client_free(handle);
  }
  for (const uint32_t bad : {0u, 1u, 999999u, 1001000u, 2000000u, UINT32_MAX}) {
    auto *handle = poison<cordon_client>();
    Outputs o;
    EXPECT_EQ(cordon_init(bad, "{}", &handle, &o.error), CORDON_E_UNSUPPORTED_ABI) << bad;
    EXPECT_EQ(handle, nullptr);
    EXPECT_NE(o.message().find("1.0.0"), std::string::npos) << o.message();
  }
}

TEST(Init, WritesNoHandleWhenTheClientDoesNotOpen) {
  auto *handle = poison<cordon_client>();
  Outputs o;
  EXPECT_EQ(cordon_init(CORDON_ABI_VERSION, "status:-26", &handle, &o.error), CORDON_E_VAULT_LOCKED);
  EXPECT_EQ(handle, nullptr);
  EXPECT_EQ(cordon_error_status(o.error), CORDON_E_VAULT_LOCKED);
}

TEST(Init, WithoutAPlaceForTheHandleOpensAndClosesAgain) {
  auto *error = poison<cordon_error>();
  EXPECT_EQ(cordon_init(CORDON_ABI_VERSION, nullptr, nullptr, &error), CORDON_OK);
  EXPECT_EQ(error, nullptr);
}

TEST(Outputs, ASuccessSetsTheTextAndClearsTheError) {
  const OpenClient client;
  for (const ClientCall &call : client_calls()) {
    auto *out = poison<char>();
    auto *error = poison<cordon_error>();
    EXPECT_EQ(call.run(client.get(), "text", &out, &error), CORDON_OK) << call.name;
    EXPECT_EQ(error, nullptr) << call.name;
    if (!call.gives_text) continue;
    ASSERT_NE(out, nullptr) << call.name;
    ASSERT_NE(out, poison<char>()) << call.name;
    cordon_string_free(out);
  }
}

TEST(Outputs, AConditionIsNoErrorAndKeepsItsDocument) {
  const OpenClient client;
  for (int status = CORDON_PENDING; status <= CORDON_DRY_RUN; ++status) {
    const std::string order = "status:" + std::to_string(status);
    for (const ClientCall &call : client_calls()) {
      if (!call.gives_text) continue;
      Outputs o;
      o.error = poison<cordon_error>();
      EXPECT_EQ(call.run(client.get(), order.c_str(), &o.out, &o.error), status) << call.name;
      EXPECT_EQ(o.error, nullptr);
      EXPECT_NE(o.out, nullptr);
    }
  }
}

TEST(Outputs, AnErrorSetsTheErrorAndClearsTheText) {
  const OpenClient client;
  for (int status = CORDON_E_LEDGER; status <= CORDON_E_INTERNAL; ++status) {
    const std::string order = "status:" + std::to_string(status);
    for (const ClientCall &call : client_calls()) {
      auto *out = poison<char>();
      Outputs o;
      EXPECT_EQ(call.run(client.get(), order.c_str(), &out, &o.error), status) << call.name;
      if (call.gives_text) {
        EXPECT_EQ(out, nullptr) << call.name;
      }
      ASSERT_NE(o.error, nullptr) << call.name;
      EXPECT_EQ(cordon_error_status(o.error), status) << call.name;
    }
  }
}

TEST(Outputs, NobodyHasToWantThem) {
  const OpenClient client;
  for (const char *order : {"text", "status:1", "status:-11", "throw:bad_alloc", "throw:logic_error", "throw:int"})
    for (const ClientCall &call : client_calls()) call.run(client.get(), order, nullptr, nullptr);
  EXPECT_EQ(cordon_vault_status(client.get(), nullptr, nullptr), CORDON_OK);
  EXPECT_EQ(cordon_event_fd(client.get(), nullptr, nullptr), CORDON_OK);
}

TEST(Outputs, NoEventGivesNoText) {
  const OpenClient client;
  auto *out = poison<char>();
  auto *error = poison<cordon_error>();
  EXPECT_EQ(cordon_next_event(client.get(), nullptr, 0, &out, &error), CORDON_NO_EVENT);
  EXPECT_EQ(out, nullptr);
  EXPECT_EQ(error, nullptr);
}

TEST(Outputs, TheEventDescriptorIsTheHostsToClose) {
  const OpenClient client;
  int32_t fd = -5;
  ASSERT_EQ(cordon_event_fd(client.get(), &fd, nullptr), CORDON_OK);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_EQ(close(fd), 0);
}

TEST(Outputs, NullEverywhereCrashesNothing) {
  const OpenClient client;
  for (cordon_client *handle : {static_cast<cordon_client *>(nullptr), client.get()}) {
    for (const ClientCall &call : client_calls()) call.run(handle, nullptr, nullptr, nullptr);
    EXPECT_LT(cordon_restrict_code_execution(handle, nullptr, nullptr, nullptr, 0, nullptr, nullptr), 0);
    EXPECT_LT(cordon_stop_and_quarantine(handle, nullptr, nullptr, nullptr, nullptr, 0, nullptr, nullptr), 0);
    cordon_vault_status(handle, nullptr, nullptr);
    cordon_event_fd(handle, nullptr, nullptr);
    EXPECT_LT(cordon_vault_unlock(handle, nullptr, nullptr, 0, nullptr), 0);
    EXPECT_LT(cordon_shutdown(handle, 0, nullptr), 0);
  }
  EXPECT_EQ(cordon_init(0, nullptr, nullptr, nullptr), CORDON_E_UNSUPPORTED_ABI);
  EXPECT_EQ(cordon_error_status(nullptr), CORDON_E_INVALID_ARGUMENT);
  EXPECT_STRNE(cordon_error_message(nullptr), "");
  EXPECT_EQ(Json::parse(cordon_error_json(nullptr))["status"], CORDON_E_INVALID_ARGUMENT);
  cordon_error_free(nullptr);
  cordon_string_free(nullptr);
  cordon_client_free(nullptr);
}

TEST(Arguments, ANullTextThatIsNeededIsNamed) {
  const OpenClient client;
  const auto *const c = client.get();
  auto *const h = const_cast<cordon_client *>(c);
  const auto expect_named = [](const char *name, auto &&run) {
    Outputs o;
    EXPECT_EQ(run(&o.out, &o.error), CORDON_E_INVALID_ARGUMENT) << name;
    EXPECT_NE(o.message().find(name), std::string::npos) << o.message();
  };
  expect_named("machine_id", [&](char **out, cordon_error **e) {
    return cordon_restrict_code_execution(h, nullptr, "c", nullptr, -1, out, e);
  });
  expect_named("comment", [&](char **out, cordon_error **e) {
    return cordon_restrict_code_execution(h, "m", nullptr, nullptr, -1, out, e);
  });
  expect_named("sha1", [&](char **out, cordon_error **e) {
    return cordon_stop_and_quarantine(h, "m", nullptr, "c", nullptr, -1, out, e);
  });
  expect_named("action_or_request_id",
               [&](char **out, cordon_error **e) { return cordon_poll_action(h, nullptr, nullptr, 0, out, e); });
  expect_named("operation", [&](char **out, cordon_error **e) { return cordon_call(h, nullptr, "{}", -1, out, e); });
  expect_named("operation", [&](char **out, cordon_error **e) { return cordon_submit(h, nullptr, "{}", out, e); });
  expect_named("request_id", [&](char **, cordon_error **e) { return cordon_withdraw(h, nullptr, e); });
  expect_named("call_id", [&](char **, cordon_error **e) { return cordon_interrupt(h, nullptr, e); });
  expect_named("kind", [&](char **, cordon_error **e) { return cordon_vault_unlock(h, nullptr, "k", 1, e); });
  expect_named("name", [&](char **, cordon_error **e) { return cordon_secret_set(h, nullptr, "k", 1, e); });
  expect_named("name", [&](char **, cordon_error **e) { return cordon_secret_remove(h, nullptr, e); });
}

TEST(Arguments, BytesMayBeNullOnlyWithoutALength) {
  const OpenClient client;
  Outputs o;
  EXPECT_EQ(cordon_secret_set(client.get(), "name", nullptr, 3, &o.error), CORDON_E_INVALID_ARGUMENT);
  EXPECT_NE(o.message().find("value"), std::string::npos);
  EXPECT_EQ(cordon_vault_unlock(client.get(), "key", nullptr, 1, nullptr), CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(cordon_vault_rekey(client.get(), nullptr, nullptr, 1, -1, nullptr), CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(cordon_secret_set(client.get(), "name", nullptr, 0, nullptr), CORDON_OK);
  Outputs absurd;
  EXPECT_EQ(cordon_secret_set(client.get(), "name", "s", SIZE_MAX, &absurd.error), CORDON_E_INVALID_ARGUMENT);
  EXPECT_NE(absurd.message().find("value"), std::string::npos);
}

TEST(Arguments, TextThatIsNoUtf8IsRefusedAndNotQuoted) {
  const OpenClient client;
  for (const char *broken : {"bad\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"})
    for (const ClientCall &call : client_calls()) {
      Outputs o;
      EXPECT_EQ(call.run(client.get(), broken, &o.out, &o.error), CORDON_E_INVALID_ARGUMENT) << call.name;
      EXPECT_NE(o.message().find("UTF-8"), std::string::npos);
      EXPECT_EQ(o.message().find("bad"), std::string::npos);
    }
}

TEST(Arguments, TimeOutsAreMinusOneOrAboveZero) {
  const OpenClient client;
  auto *h = client.get();
  for (const int32_t bad : {0, -2, INT32_MIN}) {
    EXPECT_EQ(cordon_call(h, "health", "{}", bad, nullptr, nullptr), CORDON_E_INVALID_ARGUMENT) << bad;
    EXPECT_EQ(cordon_restrict_code_execution(h, "m", "c", nullptr, bad, nullptr, nullptr), CORDON_E_INVALID_ARGUMENT);
    EXPECT_EQ(cordon_stop_and_quarantine(h, "m", "s", "c", nullptr, bad, nullptr, nullptr), CORDON_E_INVALID_ARGUMENT);
    EXPECT_EQ(cordon_vault_rekey(h, nullptr, "k", 1, bad, nullptr), CORDON_E_INVALID_ARGUMENT);
    EXPECT_EQ(cordon_shutdown(h, bad, nullptr), CORDON_E_INVALID_ARGUMENT);
  }
  EXPECT_EQ(cordon_poll_action(h, "x", nullptr, -2, nullptr, nullptr), CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(cordon_next_event(h, nullptr, -2, nullptr, nullptr), CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(cordon_poll_action(h, "x", nullptr, 0, nullptr, nullptr), CORDON_OK);
  EXPECT_EQ(cordon_call(h, "health", "{}", INT32_MAX, nullptr, nullptr), CORDON_OK);
}

TEST(Arguments, ArriveInOrderAndAbsentTextStaysAbsent) {
  const OpenClient client;
  Outputs o;
  ASSERT_EQ(cordon_stop_and_quarantine(client.get(), "m", "s", "c", nullptr, 77, &o.out, nullptr), CORDON_OK);
  const Json answer = Json::parse(o.document());
  EXPECT_EQ(answer["function"], "stop_and_quarantine");
  EXPECT_EQ(answer["texts"], Json({"m", "s", "c", nullptr}));
  EXPECT_EQ(answer["timeout_ms"], 77);
}

TEST(Error, IsOneLineAndCarriesEverythingInJson) {
  const OpenClient client;
  Outputs o;
  ASSERT_EQ(cordon_call(client.get(), "status:-23", nullptr, -1, &o.out, &o.error), CORDON_E_RATE_LIMITED);
  EXPECT_EQ(o.message().find('\n'), std::string::npos);
  const Json json = Json::parse(o.json());
  EXPECT_EQ(json, Json::parse(R"({"status":-23,"name":"CORDON_E_RATE_LIMITED","message":"as the test told?in two lines",
    "retryable":true,"outcome_unknown":false,"retry_after_ms":1500,"http_status":429,"service_code":"TooManyRequests",
    "service_correlation_id":"c-1","request_id":"11111111-2222-4333-8444-555555555555","action_id":"a-1",
    "pointer":"/options/until"})"));
}

TEST(Error, WhatIsNotKnownIsNull) {
  Outputs o;
  ASSERT_EQ(cordon_secret_remove(nullptr, "x", &o.error), CORDON_E_INVALID_HANDLE);
  const Json json = Json::parse(o.json());
  EXPECT_EQ(json.size(), 12u);
  for (const char *key : {"retry_after_ms", "http_status", "service_code", "service_correlation_id", "request_id",
                          "action_id", "pointer"})
    EXPECT_TRUE(json.at(key).is_null()) << key;
}

TEST(Error, OutlivesItsClient) {
  cordon_error *error = nullptr;
  {
    const OpenClient client;
    cordon_call(client.get(), "status:-13", nullptr, -1, nullptr, &error);
  }
  EXPECT_EQ(cordon_error_status(error), CORDON_E_NETWORK);
  cordon_error_free(error);
}

TEST(Guard, StopsEveryExceptionWithoutQuotingIt) {
  const OpenClient client;
  for (const ClientCall &call : client_calls())
    for (const char *order : {"throw:logic_error", "throw:int"}) {
      Outputs o;
      EXPECT_EQ(call.run(client.get(), order, &o.out, &o.error), CORDON_E_INTERNAL) << call.name;
      EXPECT_EQ(o.json().find("hunter2"), std::string::npos);
      EXPECT_EQ(Json::parse(o.json())["outcome_unknown"], true);
    }
}

TEST(Guard, HoldsBackThreadCancellationDuringACall) {
  const OpenClient client;
  struct Shared {
    cordon_client *client;
    std::atomic<bool> entered{false};
    std::atomic<bool> returned{false};
  } shared{client.get()};
  pthread_t thread{};
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void *raw) -> void * {
                  auto *s = static_cast<Shared *>(raw);
                  s->entered = true;
                  cordon_poll_action(s->client, "wait", nullptr, -1, nullptr, nullptr);
                  s->returned = true;
                  pthread_testcancel();
                  return nullptr;
                },
                &shared),
            0);
  while (!shared.entered) sched_yield();
  ASSERT_EQ(pthread_cancel(thread), 0);
  cordon_shutdown(client.get(), -1, nullptr);
  void *result = nullptr;
  ASSERT_EQ(pthread_join(thread, &result), 0);
  EXPECT_TRUE(shared.returned);
  EXPECT_EQ(result, PTHREAD_CANCELED);
}

}  // namespace

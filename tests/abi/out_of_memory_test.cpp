#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "abi/calls.hpp"
#include "base/secure_json.hpp"
#include "support/failing_new.hpp"

namespace {

using namespace cordon::test;
using Json = nlohmann::json;

/// Runs `call` with the first, second, … allocation failing until it needs no more; returns how often it ran out.
template <class Call>
int fail_each_allocation(Call &&call) {
  for (int allowed = 0;; ++allowed) {
    Outputs o;
    g_allocations_left = allowed;
    const std::int32_t status = call(o);
    const bool all_used = g_allocations_left == 0;
    g_allocations_left = -1;
    if (status != CORDON_E_OUT_OF_MEMORY) {
      EXPECT_EQ(status < 0, o.error != nullptr);
      if (!all_used) return allowed;
      continue;
    }
    EXPECT_EQ(o.out, nullptr);
    EXPECT_EQ(cordon_error_status(o.error), CORDON_E_OUT_OF_MEMORY);
    if (allowed > 10000) return -1;
  }
}

TEST(OutOfMemory, IsToldAtEveryAllocationOfEveryCall) {
  const OpenClient client;
  for (const ClientCall &call : client_calls())
    EXPECT_GT(fail_each_allocation([&](Outputs &o) { return call.run(client.get(), "text", &o.out, &o.error); }), 0)
        << call.name;
}

TEST(OutOfMemory, IsToldWhileAnErrorIsMade) {
  const OpenClient client;
  for (const char *order : {"status:-23", "throw:logic_error"})
    EXPECT_GT(
        fail_each_allocation([&](Outputs &o) { return cordon_call(client.get(), order, "{}", -1, &o.out, &o.error); }),
        0);
}

TEST(OutOfMemory, AtInitLeavesNoClientBehind) {
  cordon_client *handle = nullptr;
  const int runs = fail_each_allocation([&](Outputs &o) {
    const auto status = cordon_init(CORDON_ABI_VERSION, "{}", &handle, &o.error);
    if (status < 0) {
      EXPECT_EQ(handle, nullptr);
    } else {
      cordon_client_free(handle);
    }
    return status;
  });
  EXPECT_GT(runs, 0);
}

template <class Document>
void expect_destroyed_without_memory(std::optional<Document> document) {
  g_allocations_left = 0;
  document.reset();
  g_allocations_left = -1;
}

TEST(OutOfMemory, ADocumentIsDestroyedWithoutMemory) {
  const char *text = R"({"array":[1,"a text that is too long to lie within the string",{"deep":[[],{}]}],"object":{}})";
  expect_destroyed_without_memory(std::optional<Json>(Json::parse(text)));
  expect_destroyed_without_memory(std::optional<cordon::SecureJson>(*cordon::parse_secure_json(text, "text")));
  expect_destroyed_without_memory(std::optional<Json>(Json::binary({1, 2, 3})));
}

TEST(OutOfMemory, HasAStaticErrorWithEveryMember) {
  const OpenClient client;
  Outputs first;
  Outputs second;
  ASSERT_EQ(cordon_call(client.get(), "throw:bad_alloc", "{}", -1, &first.out, &first.error), CORDON_E_OUT_OF_MEMORY);
  ASSERT_EQ(cordon_init(CORDON_ABI_VERSION, "throw:bad_alloc", nullptr, &second.error), CORDON_E_OUT_OF_MEMORY);
  EXPECT_EQ(first.error, second.error);
  const Json json = Json::parse(first.json());
  EXPECT_EQ(json["status"], CORDON_E_OUT_OF_MEMORY);
  EXPECT_EQ(json["name"], "CORDON_E_OUT_OF_MEMORY");
  EXPECT_EQ(json["message"], first.message());
  EXPECT_EQ(json["outcome_unknown"], true);
  Outputs ordinary;
  cordon_secret_remove(nullptr, "x", &ordinary.error);
  const Json every = Json::parse(ordinary.json());
  for (const auto &[key, value] : every.items()) EXPECT_TRUE(json.contains(key)) << key;
}

}  // namespace

// The C++ binding against a library whose client does what the first text of a call says (../fake_client.cpp).
#include <gtest/gtest.h>

#include <cordon/cordon.hpp>
#include <thread>

namespace {

using cordon::json::parse;
using cordon::json::Value;

TEST(CppJson, ReadsAndWritesWhatTheLibraryWrites) {
  for (const char *text : {R"({"a":[1,-2,{"b":null}],"c":true,"d":"ä \"q\" \\ \n \u0001 🛑","e":1.5})", "[]", "{}",
                           "\"\"", "-9223372036854775808", "[[],{}]"})
    EXPECT_EQ(parse(text).dump(), text);
}

TEST(CppJson, SortsKeysAndResolvesEscapes) {
  EXPECT_EQ(parse(R"( { "b" : 1 , "a" : "\u00e4\uD83D\uDED1\/" } )").dump(), R"({"a":"ä🛑/","b":1})");
}

TEST(CppJson, RefusesWhatIsNoJson) {
  for (const char *text :
       {"", "{", "[1,]", "{\"a\"}", "tru", "1 2", "\"\\x\"", "\"\\u12\"", "\"open", "-", "{\"a\":1,}"})
    EXPECT_THROW((void)parse(text), std::invalid_argument) << text;
  EXPECT_THROW((void)parse(std::string(100, '[') + std::string(100, ']')), std::invalid_argument);
}

TEST(CppJson, AMemberThatIsNotThereIsNull) {
  const Value document = parse(R"({"a":{"b":1}})");
  EXPECT_TRUE(document["x"]["y"].is_null());
  EXPECT_EQ(*document["a"]["b"].integer(), 1);
}

TEST(CppBinding, AnErrorIsOfItsFamilyAndSaysAllItKnows) {
  cordon::Client client("{}");
  try {
    (void)client.call("status:-23");
    FAIL();
  } catch (const cordon::NothingSentError &error) {
    EXPECT_EQ(error.status(), cordon::Status::e_rate_limited);
    EXPECT_EQ(error.retry_after_ms(), 1500);
    EXPECT_EQ(error.pointer(), "/options/until");
    EXPECT_TRUE(error.retryable());
  }
  EXPECT_THROW((void)client.call("status:-12"), cordon::OutcomeUnknown);
  EXPECT_THROW((void)client.call("status:-26"), cordon::VaultError);
  EXPECT_THROW((void)client.call("status:-99"), cordon::Error);
}

TEST(CppBinding, EveryErrorHasAFamilyOfItsOwn) {
  for (const cordon::StatusName &known : cordon::kStatusNames) {
    if (static_cast<std::int32_t>(known.status) >= 0) continue;
    Value document = Value::object();
    document.set("status", static_cast<std::int64_t>(known.status));
    try {
      cordon::throw_error(document);
    } catch (const cordon::Error &error) {
      EXPECT_NE(typeid(error), typeid(cordon::Error)) << known.name;
    }
  }
}

TEST(CppBinding, WhateverLeavesTheOutcomeUnknownSaysSo) {
  for (const cordon::Status status : {cordon::Status::e_out_of_memory, cordon::Status::e_internal}) {
    Value document = Value::object();
    document.set("status", static_cast<std::int64_t>(status));
    document.set("outcome_unknown", false);
    EXPECT_THROW(cordon::throw_error(document), cordon::InternalError);
    document.set("outcome_unknown", true);
    EXPECT_THROW(cordon::throw_error(document), cordon::OutcomeUnknown);
  }
}

TEST(CppBinding, OnlySucceededIsSuccess) {
  cordon::Client client("{}");
  EXPECT_TRUE(std::holds_alternative<cordon::Pending>(client.poll_action("status:1")));
  EXPECT_TRUE(std::holds_alternative<cordon::Succeeded>(client.poll_action("x")));
  EXPECT_TRUE(std::holds_alternative<cordon::Unrecognised>(client.poll_action("status:99")));
}

TEST(CppBinding, WhatActsAndWhatReadsCannotBeMixedUp) {
  cordon::Client client("{}");
  EXPECT_THROW((void)client.call("isolate"), std::invalid_argument);
  EXPECT_THROW((void)client.act("get_machine", Value::object()), std::invalid_argument);
}

TEST(CppBinding, ANulIsRefusedAndNotCutAt) {
  cordon::Client client("{}");
  EXPECT_THROW(client.withdraw(std::string("a\0b", 3)), std::invalid_argument);
}

TEST(CppBinding, ASecretIsTakenOverAndWiped) {
  char bytes[] = "hunter2";
  const cordon::Secret secret(bytes, 7);
  EXPECT_EQ(std::string(bytes, 7), std::string(7, '\0'));
  EXPECT_EQ(std::string(secret.data(), secret.size()), "hunter2");
  cordon::Client client("{}");
  client.secret_set("name", secret);
}

TEST(CppBinding, AClientMovesAndIsEndedOnce) {
  cordon::Client first("{}");
  cordon::Client second(std::move(first));
  first = cordon::Client("{}");
  EXPECT_EQ(second.version(), first.version());
}

TEST(CppBinding, AStopRequestInterruptsTheCall) {
  cordon::Client client("{}");
  std::stop_source source;
  cordon::Options options;
  options.call_id = "cordon-cli";  // the one that the fake client can be interrupted by
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_THROW((void)cordon::interruptible(client, source.get_token(), options,
                                           [&](const cordon::Options &given) {
                                             return client.poll_action("wait", cordon::kDefaultTimeout, given);
                                           }),
               cordon::InterruptedError);
}

}  // namespace

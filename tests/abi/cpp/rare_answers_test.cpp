// The C++ binding against a table of functions that answer what the library rarely does, or only a newer one.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cordon/cordon.hpp>
#include <cstdlib>
#include <cstring>

namespace {

using cordon::json::Value;

/// What the functions of the table answer. They take nothing else along.
struct Script {
  std::int32_t status = CORDON_OK;  ///< of all but init
  std::int32_t init_status = CORDON_OK;
  int freed = 0;                    ///< clients
  std::vector<std::int32_t> waits;  ///< of the polls
};

Script &script() {
  static Script told;
  return told;
}

std::int32_t open_client(std::uint32_t, const char *, cordon_client **client, cordon_error **error) {
  *client = reinterpret_cast<cordon_client *>(&script());  // a token: nothing looks behind it
  *error = nullptr;
  return script().init_status;
}

/// The document of an action where the status is no error, else the error with it.
std::int32_t answer_poll(cordon_client *, const char *, const char *, std::int32_t wait_ms, char **action,
                         cordon_error **error) {
  script().waits.push_back(wait_ms);
  *error = nullptr;
  *action = script().status < 0 ? nullptr : strdup(R"({"state":"told"})");
  return script().status;
}

const char *error_document(const cordon_error *) {
  return script().status == CORDON_E_OUTCOME_UNKNOWN ? R"({"status":-12,"outcome_unknown":true})" : R"({"status":-30})";
}

class RareAnswers : public testing::Test {
 protected:
  RareAnswers() : api_(cordon::linked()) {
    script() = Script();
    api_.init = open_client;
    api_.client_free = [](cordon_client *) { ++script().freed; };
    api_.withdraw = [](cordon_client *, const char *, cordon_error **) { return script().status; };
    api_.poll_action = answer_poll;
    api_.error_json = error_document;
    api_.string_free = [](char *text) { std::free(text); };
    api_.next_event = [](cordon_client *, const char *, std::int32_t, char **, cordon_error **) {
      return CORDON_NO_EVENT;
    };
    api_.event_fd = [](cordon_client *, std::int32_t *fd, cordon_error **) {
      *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
      return CORDON_OK;
    };
  }

  cordon_api_v1 api_;
};

TEST_F(RareAnswers, ASignInThatWaitsForItsPersonIsAnAnswer) {
  api_.manifest = [] { return R"({"operations":{"operations":[{"name":"login","kind":"local"}]}})"; };
  api_.call = [](cordon_client *, const char *, const char *, std::int32_t, char **out, cordon_error **error) {
    *error = nullptr;
    *out = strdup(R"({"state":"waiting","user_code":"ABC"})");
    return script().status;
  };
  cordon::Client client("{}", api_);
  script().status = CORDON_PENDING;
  const Value waiting = client.call("login");
  ASSERT_NE(waiting["user_code"].text(), nullptr);
  EXPECT_EQ(*waiting["user_code"].text(), "ABC");
  EXPECT_THROW((void)client.call("an operation of a newer library"), std::runtime_error) << "it may be an action";
  script().status = 99;
  EXPECT_THROW((void)client.call("login"), std::runtime_error);
}

TEST_F(RareAnswers, AConditionThatIsNotKnownIsNoSuccess) {
  cordon::Client client("{}", api_);
  client.withdraw("x");
  for (const std::int32_t condition : {1, 99}) {
    script().status = condition;
    try {
      client.withdraw("x");
      ADD_FAILURE() << condition;
    } catch (const cordon::Error &error) {
      EXPECT_EQ(static_cast<std::int32_t>(error.status()), condition);
      EXPECT_NE(error.message().find(std::to_string(condition)), std::string::npos) << error.message();
    }
  }
}

TEST_F(RareAnswers, AClientThatOpensOnAConditionIsGivenBack) {
  script().init_status = 99;
  EXPECT_THROW(cordon::Client("{}", api_), cordon::Error);
  EXPECT_EQ(script().freed, 1);
}

TEST_F(RareAnswers, WhatAnswersWithAnActionHasAnOutcome) {
  api_.manifest = [] {
    return R"({"operations":{"operations":[{"name":"get_request","kind":"local","result":"action"},
              {"name":"health","kind":"local","result":"object"}]}})";
  };
  api_.call = [](cordon_client *, const char *, const char *, std::int32_t, char **result, cordon_error **error) {
    return answer_poll(nullptr, nullptr, nullptr, 0, result, error);
  };
  script().status = CORDON_NOT_SENT;
  cordon::Client client("{}", api_);
  const Value request = Value::object();
  EXPECT_TRUE(std::holds_alternative<cordon::NotSent>(client.act("get_request", request)));
  EXPECT_THROW((void)client.call("get_request", request), std::invalid_argument);
  EXPECT_THROW((void)client.act("health", request), std::invalid_argument);
}

TEST_F(RareAnswers, APumpTellsOnceWhateverTheToldThrows) {
  cordon::Client client("{}", api_);
  cordon::Pump pump(client);
  int told = 0;
  const auto throws = [&](const cordon::Outcome *, const std::exception_ptr &) {
    ++told;
    cordon::throw_error(cordon::json::parse(script().status < 0 ? R"({"status":-30})" : R"({"status":-12})"));
  };
  pump.when_ended("x", throws);
  pump.when_ended("x", [&](const cordon::Outcome *outcome, const std::exception_ptr &) { told += outcome ? 10 : 0; });
  EXPECT_THROW(pump.dispatch(), cordon::OutcomeUnknown);
  EXPECT_EQ(told, 1);
  pump.dispatch();
  EXPECT_EQ(told, 11);
  script().status = CORDON_E_LEDGER;
  pump.when_ended("x", throws);
  EXPECT_THROW(pump.dispatch(), cordon::LedgerError);
  EXPECT_EQ(told, 12);
  EXPECT_TRUE(pump.idle());
}

TEST_F(RareAnswers, APumpHasAnUnknownOutcomeLookedForBeforeItIsTold) {
  script().status = CORDON_E_OUTCOME_UNKNOWN;
  cordon::Client client("{}", api_);
  cordon::Pump pump(client);
  int told = 0;
  pump.when_ended("x", [&](const cordon::Outcome *outcome, const std::exception_ptr &) {
    ++told;
    EXPECT_NE(outcome, nullptr);
  });
  pump.dispatch();
  pump.dispatch();
  EXPECT_EQ(script().waits, (std::vector<std::int32_t>{0, 1, 0}));
  EXPECT_EQ(told, 0);
  script().status = CORDON_OK;
  pump.dispatch();
  EXPECT_EQ(told, 1);
}

TEST_F(RareAnswers, APumpTellsOfAnOutcomeThatStaysUnknown) {
  script().status = CORDON_E_OUTCOME_UNKNOWN;
  cordon::Client client("{}", api_);
  cordon::Pump pump(client, cordon::milliseconds(0));
  int told = 0;
  pump.when_ended("x", [&](const cordon::Outcome *outcome, const std::exception_ptr &error) {
    ++told;
    EXPECT_EQ(outcome, nullptr);
    EXPECT_THROW(std::rethrow_exception(error), cordon::OutcomeUnknown);
  });
  pump.dispatch();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(pump.idle());
}

}  // namespace

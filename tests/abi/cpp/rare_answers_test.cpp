// The C++ binding against a table of functions that answer what the library rarely does, or only a newer one.
#include <gtest/gtest.h>

#include <cordon/cordon.hpp>

namespace {

/// What the functions of the table answer. They take nothing else along.
struct Script {
  std::int32_t status = CORDON_OK;  ///< of all but init
  std::int32_t init_status = CORDON_OK;
  int freed = 0;  ///< clients
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

class RareAnswers : public testing::Test {
 protected:
  RareAnswers() : api_(cordon::linked()) {
    script() = Script();
    api_.init = open_client;
    api_.client_free = [](cordon_client *) { ++script().freed; };
    api_.withdraw = [](cordon_client *, const char *, cordon_error **) { return script().status; };
  }

  cordon_api_v1 api_;
};

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

}  // namespace

#include "ledger/state.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cordon::ledger {
namespace {

TEST(State, EveryWordIsReadBackAsTheStateItNames) {
  for (int i = 0; i <= static_cast<int>(State::Unknown); ++i) {
    const auto state = static_cast<State>(i);
    EXPECT_EQ(parse_state(state_name(state)), state) << state_name(state);
  }
  EXPECT_EQ(state_name(State::InProgress), "in_progress");
  EXPECT_EQ(state_name(State::Unknown), "unknown");
  EXPECT_FALSE(parse_state("Pending"));
  EXPECT_FALSE(parse_state(""));
}

TEST(State, OnlyWhatCannotChangeAnyMoreHasEnded) {
  for (const char *word : {"succeeded", "failed", "timed_out", "cancelled", "rejected", "expired", "withdrawn"})
    EXPECT_TRUE(is_ended(*parse_state(word))) << word;
  for (const char *word : {"queued", "sending", "pending", "in_progress", "unknown"})
    EXPECT_FALSE(is_ended(*parse_state(word))) << word;
}

TEST(State, OnlyRequestsThatWereNeverSentGiveTheirKeyFree) {
  for (int i = 0; i <= static_cast<int>(State::Unknown); ++i) {
    const auto state = static_cast<State>(i);
    EXPECT_EQ(is_never_sent(state), state == State::Expired || state == State::Withdrawn);
  }
}

}  // namespace
}  // namespace cordon::ledger

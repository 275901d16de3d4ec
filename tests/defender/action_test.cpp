#include "defender/action.hpp"

#include <gtest/gtest.h>

namespace cordon::defender {
namespace {

TEST(ActionStatus, OnlyTheFourEndsAreTerminal) {
  EXPECT_FALSE(is_terminal(ActionStatus::Unknown));
  EXPECT_FALSE(is_terminal(ActionStatus::Pending));
  EXPECT_FALSE(is_terminal(ActionStatus::InProgress));
  for (const char *word : {"Succeeded", "FAILED", "TimeOut", "timeout", "Cancelled", "canceled"})
    EXPECT_TRUE(is_terminal(parse_action_status(word))) << word;
}

TEST(ActionStatus, FiltersAreWrittenInTheLiveSpelling) {
  EXPECT_EQ(action_status_word(parse_action_status("Canceled")), "Cancelled");
  EXPECT_EQ(action_status_word(parse_action_status("Timeout")), "TimeOut");
  EXPECT_EQ(action_status_word(ActionStatus::Unknown), "");
}

TEST(Hresult, IsExplainedWhereItsMeaningIsKnown) {
  EXPECT_EQ(describe_hresult(0), "");
  EXPECT_NE(describe_hresult(-2145844840).find("offline"), std::string::npos);
  EXPECT_NE(describe_hresult(-2147467260).find("cancelled"), std::string::npos);
  EXPECT_NE(describe_hresult(-1).find("0xffffffff"), std::string::npos);
}

}  // namespace
}  // namespace cordon::defender

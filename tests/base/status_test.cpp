#include "base/status.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace cordon {
namespace {

TEST(Status, EveryNumberHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int number = -30; number <= 8; ++number) {
    const std::string name = status_name(number);
    EXPECT_NE(name, "CORDON_UNKNOWN") << number;
    EXPECT_EQ(name.starts_with("CORDON_E_"), number < 0) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(Status, ForeignNumbersAreUnknown) {
  for (const int number : {9, 1000, -31, INT32_MAX, INT32_MIN}) EXPECT_STREQ(status_name(number), "CORDON_UNKNOWN");
}

TEST(Status, OnlyNegativeNumbersAreErrors) {
  EXPECT_FALSE(is_error(Status::Ok));
  EXPECT_FALSE(is_error(Status::DryRun));
  EXPECT_TRUE(is_error(Status::Internal));
  EXPECT_TRUE(is_error(Status::Ledger));
}

}  // namespace
}  // namespace cordon

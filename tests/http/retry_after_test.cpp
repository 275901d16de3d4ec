#include "http/retry_after.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace cordon::http {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr const char *kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

TEST(RetryAfter, Seconds_AreTakenAsTheyAre) {
  EXPECT_EQ(parse_retry_after("27", {}), seconds(27));
  EXPECT_EQ(parse_retry_after("0", {}), seconds(0));
}

TEST(RetryAfter, Date_IsReadAgainstTheAnswersOwnDate) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", kDate), seconds(30));
}

TEST(RetryAfter, Date_InThePastMeansNow) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", kDate), seconds(0));
}

TEST(RetryAfter, Date_WithoutADateToReadItAgainstIsNotUnderstood) {
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", {}), std::nullopt);
}

TEST(RetryAfter, AnythingLongerThanADayIsADay) {
  EXPECT_EQ(parse_retry_after("86401", {}), hours(24));
  EXPECT_EQ(parse_retry_after("99999999999999999999999", {}), hours(24));
  EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kDate), hours(24));
}

TEST(RetryAfter, AnythingElseIsNotUnderstood) {
  for (const char *text : {"", "-1", "+5", "1.5", "5 s", "soon"})
    EXPECT_EQ(parse_retry_after(text, kDate), std::nullopt) << text;
}

}  // namespace
}  // namespace cordon::http

#include "base/utc.hpp"

#include <gtest/gtest.h>

namespace cordon {
namespace {

std::int64_t ticks(std::string_view text) {
  const auto time = UtcTicks::parse(text);
  EXPECT_TRUE(time) << text;
  return time ? time->unix_ticks() : -1;
}

TEST(Utc, ReadsEveryNumberOfFractionalDigits) {
  const std::int64_t whole = ticks("2026-02-03T10:11:12Z");
  EXPECT_EQ(whole, 1'770'113'472LL * UtcTicks::kPerSecond);
  const std::pair<const char *, int> cases[] = {{".1", 1'000'000},
                                                {".14", 1'400'000},
                                                {".144", 1'440'000},
                                                {".1447", 1'447'000},
                                                {".14473", 1'447'300},
                                                {".144730", 1'447'300},
                                                {".1447302", 1'447'302},
                                                {".14473029", 1'447'302},
                                                {".144730299", 1'447'302},
                                                {".0000001", 1},
                                                {".0", 0}};
  for (const auto &[fraction, expected] : cases)
    EXPECT_EQ(ticks(std::string("2026-02-03T10:11:12") + fraction + "Z") - whole, expected) << fraction;
}

TEST(Utc, WritesWhatItReadWithoutTrailingZeros) {
  for (const char *text : {"2026-02-03T10:11:12Z", "2026-02-03T10:11:12.1447302Z", "2026-02-03T10:11:12.25Z",
                           "2026-02-03T10:11:12.0000001Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z",
                           "1969-12-31T23:59:59.9999999Z", "2024-02-29T00:00:00Z"})
    EXPECT_EQ(UtcTicks::from_unix_ticks(ticks(text)).str(), text);
  EXPECT_EQ(UtcTicks::from_unix_ticks(ticks("2026-02-03T10:11:12.2500000Z")).str(), "2026-02-03T10:11:12.25Z");
}

TEST(Utc, AcceptsZeroOffsetAndSmallLetters) {
  EXPECT_EQ(ticks("2026-02-03t10:11:12z"), ticks("2026-02-03T10:11:12Z"));
  EXPECT_EQ(ticks("2026-02-03T10:11:12+00:00"), ticks("2026-02-03T10:11:12Z"));
}

TEST(Utc, RefusesEverythingElse) {
  for (const char *text : {"",
                           "Z",
                           "2026-02-03",
                           "2026-02-03T10:11:12",
                           "2026-02-03 10:11:12Z",
                           "2026-02-03T10:11:12+01:00",
                           "2026-02-03T10:11:12-00:00",
                           "2026-02-03T10:11:12.Z",
                           "2026-02-03T10:11:12.1234567890Z",
                           "2026-02-30T00:00:00Z",
                           "2025-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-03T24:00:00Z",
                           "2026-02-03T10:60:00Z",
                           "2026-02-03T10:11:60Z",
                           "0000-01-01T00:00:00Z",
                           "2026-02-03T10:11:12Zx",
                           " 2026-02-03T10:11:12Z",
                           "+026-02-03T10:11:12Z",
                           "2026-2-03T10:11:12Z",
                           "20260203T101112Z",
                           "-001-01-01T00:00:00Z"})
    EXPECT_FALSE(UtcTicks::parse(text)) << text;
}

TEST(Utc, HttpDateRoundTrips) {
  constexpr std::string_view kText = "Sun, 06 Nov 1994 08:49:37 GMT";
  const auto time = UtcTicks::parse_http_date(kText);
  ASSERT_TRUE(time);
  EXPECT_EQ(time->unix_seconds(), 784111777);
  EXPECT_EQ(time->http_date(), kText);
}

TEST(Utc, HttpDateRefusesOtherForms) {
  for (const char *text :
       {"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT"})
    EXPECT_FALSE(UtcTicks::parse_http_date(text)) << text;
}

TEST(Utc, SecondsRoundDownBeforeTheEpoch) {
  EXPECT_EQ(UtcTicks::from_unix_ticks(-1).unix_seconds(), -1);
  EXPECT_EQ(UtcTicks::from_unix_ticks(-10'000'000).unix_seconds(), -1);
  EXPECT_EQ(UtcTicks::from_unix_ticks(9'999'999).unix_seconds(), 0);
}

TEST(Utc, ArithmeticIsInTicksOfHundredNanoseconds) {
  const UtcTicks time = UtcTicks::from_unix_seconds(10);
  EXPECT_EQ((time + std::chrono::milliseconds(1)).unix_ticks() - time.unix_ticks(), 10'000);
  EXPECT_EQ(time - (time - std::chrono::seconds(3)), std::chrono::seconds(3));
}

}  // namespace
}  // namespace cordon

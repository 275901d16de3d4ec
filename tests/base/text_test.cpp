#include "base/text.hpp"

#include <gtest/gtest.h>

namespace cordon {
namespace {

TEST(Text, KnowsWellFormedUtf8) {
  for (const char *good : {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"})
    EXPECT_TRUE(is_utf8(good)) << good;
}

TEST(Text, RefusesOverlongSurrogatesAndBrokenUtf8) {
  for (const char *bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
                          "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82",
                          "\xf0\x9f\x98", "\xc3\x28", "a\xe2\x28\xac"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(Text, LowerCaseIsAsciiOnly) {
  EXPECT_EQ(to_lower("AbZ\xc3\x84"), "abz\xc3\x84");
  EXPECT_TRUE(equal_ignoring_case("Retry-After", "retry-aFTER"));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
}

TEST(Text, PercentEncodingRoundTripsEveryByte) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(percent_decode(percent_encode(all), true), all);
  EXPECT_EQ(percent_encode("a b/~\xc3"), "a%20b%2F~%C3");
}

TEST(Text, PercentDecodingRefusesBrokenEscapes) {
  for (const char *bad : {"%", "%1", "%g0", "%0g", "abc%2"}) EXPECT_FALSE(percent_decode(bad, false)) << bad;
  EXPECT_EQ(percent_decode("a+b%2b", true), "a b+");
  EXPECT_EQ(percent_decode("a+b%2b", false), "a+b+");
}

TEST(Text, IntegersHaveNothingAround) {
  EXPECT_EQ(parse_int("-12"), -12);
  EXPECT_EQ(parse_int("9223372036854775807"), INT64_MAX);
  for (const char *bad : {"", " 1", "1 ", "+1", "1.0", "0x1", "9223372036854775808", "-"})
    EXPECT_FALSE(parse_int(bad)) << bad;
}

TEST(Text, Base64UrlRoundTrips) {
  for (std::size_t size = 0; size < 70; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 37 + size));
    const std::string text = base64url_encode(bytes);
    EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
    EXPECT_EQ(base64url_decode(text), bytes);
  }
  EXPECT_EQ(base64url_encode("\xfb\xff"), "-_8");
}

TEST(Text, Base64UrlIsCanonical) {
  for (const char *bad : {"A", "AB", "AAB", "AA==", "AA A", "A+", "A/AA", "\xff\xff", "AA.A", "AA~A"})
    EXPECT_FALSE(base64url_decode(bad)) << bad;
  for (int c = 0; c < 256; ++c) {
    const std::string text{static_cast<char>(c), 'A', 'A', 'A'};
    const auto bytes = base64url_decode(text);
    EXPECT_TRUE(!bytes || base64url_encode(*bytes) == text) << c;
  }
}

TEST(Text, PrintableIsOneSafeLine) {
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f", 100), "a?b?[31m?");
  EXPECT_EQ(printable("caf\xc3\xa9!", 4), "caf...");
  EXPECT_EQ(printable("caf\xc3\xa9", 5), "caf\xc3\xa9");
  EXPECT_EQ(printable("a\xff", 5), "a?");
  EXPECT_EQ(printable("", 5), "");
}

TEST(Text, PrintableHasNoUnicodeControlsOrLineBreaks) {
  EXPECT_EQ(printable("a\xc2\x85"
                      "b\xe2\x80\xa8"
                      "c\xe2\x80\xae"
                      "d",
                      100),
            "a?b?c?d");
}

}  // namespace
}  // namespace cordon

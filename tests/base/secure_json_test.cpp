#include "base/secure_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.hpp"

namespace cordon {
namespace {

std::string reread(std::string_view text) {
  const auto json = parse_secure_json(text, "answer");
  if (!json) return json.error().message;
  const SecureString out = dump_secure_json(*json);
  return std::string(out.data(), out.size());
}

TEST(SecureJson, ReadsWhatTheOrdinaryReaderReads) {
  for (const char *text : {"null",
                           "true",
                           " [ ] ",
                           "{}",
                           "[[],{},[{}]]",
                           "-0",
                           "0",
                           "-12",
                           "18446744073709551615",
                           "-9223372036854775808",
                           "1.5",
                           "1e3",
                           "-1.25E-2",
                           "12345678901234567890123",
                           R"("")",
                           R"("\"\\\/\b\f\n\r\t")",
                           R"("\u00e4\u20ac\ud83d\ude00")",
                           R"({"b":[1,{"a":"x"}],"a":null,"":{"":""}})",
                           "\"\xc3\xa4\"",
                           "\t\r\n1\n"})
    EXPECT_EQ(reread(text), dump(*parse_json(text, "answer"))) << text;
}

TEST(SecureJson, RefusesWhatTheOrdinaryReaderRefuses) {
  for (const char *text : {"",
                           " ",
                           "{",
                           "[",
                           "}",
                           "]",
                           "[1,]",
                           "[,]",
                           "[1 2]",
                           "{\"a\":1,}",
                           "{\"a\"}",
                           "{\"a\" 1}",
                           "{a:1}",
                           "'a'",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "-",
                           "1e",
                           "1e+",
                           "--1",
                           "NaN",
                           "nul",
                           "truex",
                           "{} {}",
                           "[1] x",
                           "\"",
                           "\"\x01\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\\u-123\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"\xff\"",
                           "1e999",
                           "[}",
                           "{]",
                           "{\"a\":1,\"a\":2}",
                           "{1:2}",
                           "[\"a\":1]",
                           "\"\\"}) {
    EXPECT_FALSE(parse_json(text, "answer")) << text;
    const auto json = parse_secure_json(text, "answer");
    ASSERT_FALSE(json) << text;
    EXPECT_EQ(json.error().status, Status::InvalidArgument);
  }
}

TEST(SecureJson, NulsAreNotTheEnd) {
  EXPECT_FALSE(parse_secure_json(std::string_view("1\0", 2), "answer"));
  EXPECT_FALSE(parse_secure_json(std::string_view("\"\\\0\"", 4), "answer"));
}

TEST(SecureJson, MessageNamesAPositionAndQuotesNothing) {
  EXPECT_EQ(reread(R"({"access_token":"hunter2",oops)"), "answer is not valid JSON (near byte 26)");
}

TEST(SecureJson, LimitsDepthAndSize) {
  EXPECT_TRUE(parse_secure_json("[[[]]]", "answer", {100, 3}));
  EXPECT_FALSE(parse_secure_json("[[[[]]]]", "answer", {100, 3}));
  EXPECT_FALSE(parse_secure_json(std::string(1'000'000, '['), "answer"));
  EXPECT_FALSE(parse_secure_json("[1,2,3]", "answer", {6, 3}));
}

}  // namespace
}  // namespace cordon

#include "base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cordon {
namespace {

using testing::HasSubstr;

Error refused(std::string_view text, JsonLimits limits = {}) {
  const auto json = parse_json(text, "config", limits);
  EXPECT_FALSE(json) << text;
  if (json) return {};
  EXPECT_EQ(json.error().status, Status::InvalidArgument);
  EXPECT_THAT(json.error().message, HasSubstr("config"));
  return json.error();
}

std::string nested(int depth) {
  return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

TEST(ParseJson, ReadsADocument) {
  EXPECT_EQ(*parse_json(R"( {"b":[1,2.5,"x",null,true],"a":{}} )", "config"),
            (Json{{"a", Json::object()}, {"b", {1, 2.5, "x", nullptr, true}}}));
}

TEST(ParseJson, NamesTheDuplicateKey) {
  const Error error = refused(R"({"tenants":[{"a":1},{"a/b":{"x":1,"y":2,"x":"hidden"}}]})");
  EXPECT_EQ(error.pointer, "/tenants/1/a~1b/x");
  EXPECT_THAT(error.message, HasSubstr("same key twice"));
  EXPECT_THAT(error.message, testing::Not(HasSubstr("hidden")));
  EXPECT_EQ(refused(R"({"":1,"":2})").pointer, "/");
}

TEST(ParseJson, SameKeyInSiblingsIsFine) {
  EXPECT_TRUE(parse_json(R"([{"a":1},{"a":{"a":1}}])", "config"));
}

TEST(ParseJson, LimitsDepth) {
  EXPECT_TRUE(parse_json(nested(32), "config"));
  EXPECT_THAT(refused(nested(33)).message, HasSubstr("deeper than 32"));
  EXPECT_THAT(refused(std::string(1'000'000, '[')).message, HasSubstr("deeper than 32"));
  const Error error = refused(R"({"a":{"b":[[]]}})", {1000, 3});
  EXPECT_EQ(error.pointer, "/a/b/0");
}

TEST(ParseJson, LimitsSize) {
  const std::string text = "\"" + std::string(98, 'x') + "\"";
  EXPECT_TRUE(parse_json(text, "config", {100, 3}));
  EXPECT_THAT(refused(text + " ", {100, 3}).message, HasSubstr("101 bytes; at most 100"));
}

TEST(ParseJson, RefusesWhatIsNotJson) {
  for (const char *text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "'a'",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "NaN",
                           "nul",
                           "{} {}",
                           "[1] x",
                           "\"\x01\"",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "1e999",
                           "// c\n1",
                           "\xef\xbb\xbf{}x"})
    refused(text);
}

TEST(ParseJson, ErrorPointsIntoTheDocumentWithoutQuotingIt) {
  const Error error = refused(R"({"a":{"secret":"hunter2","b":[1,2,oops]}})");
  EXPECT_EQ(error.pointer, "/a/b/2");
  EXPECT_THAT(error.message, testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(error.message, testing::Not(HasSubstr("oops")));
}

TEST(ParseJson, AnEndlessKeyDoesNotMakeAnEndlessMessage) {
  const std::string key(100'000, 'k');
  EXPECT_LT(refused("{\"" + key + "\":oops}").message.size(), 1000u);
}

TEST(ParseJson, ControlCharactersOfAKeyStayOutOfTheMessage) {
  const Error error = refused(R"({"a\nb":oops})");
  EXPECT_EQ(error.message.find('\n'), std::string::npos);
}

TEST(ReadJson, TolerantReadersFallBack) {
  const Json json = {{"text", "x"}, {"number", 7}, {"yes", true}, {"null", nullptr}, {"float", 1.5}};
  EXPECT_EQ(text_or(json, "text"), "x");
  EXPECT_EQ(text_or(json, "number", "f"), "f");
  EXPECT_EQ(text_or(Json(), "text", "f"), "f");
  EXPECT_EQ(int_or(json, "number", -1), 7);
  EXPECT_EQ(int_or(json, "float", -1), -1);
  EXPECT_EQ(int_or(json, "null", -1), -1);
  EXPECT_TRUE(bool_or(json, "yes", false));
  EXPECT_TRUE(bool_or(json, "text", true));
  EXPECT_TRUE(text_or_null("").is_null());
}

TEST(ReadJson, IntegersTooLargeForTheTypeFallBack) {
  EXPECT_EQ(int_or(Json{{"n", 9223372036854775807LL}}, "n", 7), INT64_MAX);
  EXPECT_EQ(int_or(Json{{"n", 18446744073709551615ULL}}, "n", 7), 7);
}

TEST(StoredJson, IsDiscardedWhenItIsNoneOrTooDeep) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(parse_stored(R"({"a":["\"]}]"]})")["a"][0], R"("]}])");
  EXPECT_TRUE(parse_stored(nested(64)).is_array());
  EXPECT_TRUE(parse_stored('"' + std::string(100, '[') + '"').is_string());
  EXPECT_TRUE(parse_stored(R"(["\\",)" + nested(64) + "]").is_discarded());
  EXPECT_TRUE(parse_stored(nested(1'000'000)).is_discarded());
  EXPECT_TRUE(parse_stored(std::string(1'000'000, '{')).is_discarded());
  EXPECT_TRUE(parse_stored("").is_discarded());
}

TEST(DumpJson, SortsKeysAndReplacesInvalidUtf8) {
  EXPECT_EQ(dump(Json{{"b", 1}, {"a", "x"}}), R"({"a":"x","b":1})");
  EXPECT_EQ(dump(Json("a\xff")), "\"a\xef\xbf\xbd\"");
}

TEST(JsonPointer, EscapesItsTwoCharacters) {
  EXPECT_EQ(json_pointer_token("a/b~c"), "a~1b~0c");
}

}  // namespace
}  // namespace cordon

#include "base/schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace cordon {
namespace {

using testing::HasSubstr;
using testing::Not;

const JsonSchema &schema() {
  static const JsonSchema compiled(std::string_view(R"({
    "type":"object","additionalProperties":false,"required":["state_dir"],
    "properties":{
      "state_dir":{"type":"string","minLength":1,"maxLength":8},
      "level":{"type":"string","enum":["debug","info"]},
      "timeout_ms":{"type":"integer","minimum":1,"maximum":10},
      "list":{"type":"array","maxItems":2,"items":{"type":"string","pattern":"^a+$"}},
      "vault":{"anyOf":[{"type":"null"},{"type":"object","additionalProperties":false,
               "required":["file"],"properties":{"file":{"type":["string","null"]}}}]},
      "tenants":{"type":"object","additionalProperties":{"$ref":"#/definitions/tenant"}}},
    "definitions":{"tenant":{"type":"object","additionalProperties":false,"properties":{"cloud":{"type":"string"}}}}
  })"));
  return compiled;
}

Error refused(const Json &document) {
  const auto valid = schema().validate(document, "config");
  EXPECT_FALSE(valid) << document;
  return valid ? Error() : valid.error();
}

TEST(JsonSchema, AcceptsAValidDocument) {
  EXPECT_TRUE(
      schema().validate({{"state_dir", "/x"}, {"level", "info"}, {"timeout_ms", 5}, {"vault", nullptr}}, "config"));
  EXPECT_TRUE(schema().validate({{"state_dir", "/x"}, {"vault", {{"file", nullptr}}}}, "config"));
}

TEST(JsonSchema, PatternIsNotEvaluated) {
  EXPECT_TRUE(schema().validate({{"state_dir", "/x"}, {"list", {std::string(100'000, 'b')}}}, "config"));
}

TEST(JsonSchema, NamesPlaceAndProblemWithoutTheValue) {
  struct Case {
    Json document;
    std::string pointer, problem;
  };
  const Case cases[] = {
      {{{"state_dir", "/x"}, {"tenants", {{"a/b", {{"clowd", "hunter2"}}}}}}, "/tenants/a~1b/clowd", "unknown key"},
      {{{"state_dir", "/x"}, {"bad", "hunter2"}}, "/bad", "unknown key"},
      {Json::object(), "/state_dir", "missing"},
      {{{"state_dir", 7}}, "/state_dir", "wrong type"},
      {{{"state_dir", ""}}, "/state_dir", "no fewer than 1 characters"},
      {{{"state_dir", "hunter2hunter2"}}, "/state_dir", "no more than 8 characters"},
      {{{"state_dir", "/x"}, {"level", "hunter2"}}, "/level", "allowed values"},
      {{{"state_dir", "/x"}, {"timeout_ms", 4711}}, "/timeout_ms", "number less than or equal to 10"},
      {{{"state_dir", "/x"}, {"timeout_ms", 0}}, "/timeout_ms", "number greater than or equal to 1"},
      {{{"state_dir", "/x"}, {"timeout_ms", 1.5}}, "/timeout_ms", "wrong type"},
      {{{"state_dir", "/x"}, {"list", {"a", 7}}}, "/list/1", "wrong type"},
      {{{"state_dir", "/x"}, {"list", {"a", "a", "a"}}}, "/list", "no more than 2 elements"},
      {{{"state_dir", "/x"}, {"vault", "hunter2"}}, "/vault", ""},
      {{{"state_dir", "/x"}, {"vault", {{"fiel", "hunter2"}}}}, "/vault/fiel", "unknown key"},
      {{{"state_dir", "/x"}, {"vault", {{"file", 4711}}}}, "/vault/file", "wrong type"},
      {Json::array(), "", "wrong type"},
  };
  for (const Case &c : cases) {
    const Error error = refused(c.document);
    EXPECT_EQ(error.status, Status::InvalidArgument);
    EXPECT_EQ(error.pointer, c.pointer) << c.document;
    EXPECT_THAT(error.message, HasSubstr(c.problem)) << c.document;
    EXPECT_THAT(error.message, testing::StartsWith("config")) << c.document;
    EXPECT_THAT(error.message, Not(HasSubstr("hunter2"))) << c.document;
    EXPECT_THAT(error.message, Not(HasSubstr("4711"))) << c.document;
  }
}

TEST(JsonSchema, PointsAtTheUnknownKeyItself) {
  EXPECT_EQ(refused({{"state_dir", "/x"}, {"bad", 1}}).pointer, "/bad");
  EXPECT_EQ(refused({{"state_dir", "/x"}, {"tenants", {{"a", {{"x/y", 1}}}}}}).pointer, "/tenants/a/x~1y");
}

TEST(JsonSchema, RefusesNulCharactersBehindWhichALimitWouldNotLook) {
  EXPECT_EQ(refused({{"state_dir", std::string("/x\0 and more than eight", 23)}}).pointer, "/state_dir");
  EXPECT_EQ(refused({{"state_dir", "/x"}, {"tenants", {{std::string("a\0b", 3), Json::object()}}}}).pointer,
            "/tenants");
}

TEST(JsonSchema, ABrokenSchemaOfOursIsALogicError) {
  EXPECT_THROW(JsonSchema(std::string_view(R"({"type":"no such type"})")), std::logic_error);
  EXPECT_THROW(JsonSchema(std::string_view(R"({"patternProperties":{"^a":{}}})")), std::logic_error);
  EXPECT_THROW(JsonSchema(std::string_view("{")), std::logic_error);
}

}  // namespace
}  // namespace cordon

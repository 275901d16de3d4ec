#include "emulator/odata_filter.hpp"

#include <gtest/gtest.h>

#include <array>

namespace cordon::emulator {
namespace {

constexpr std::array<std::string_view, 3> kStates = {"Pending", "InProgress", "Succeeded"};
constexpr std::array<ODataProperty, 6> kProperties = {{{"name", PropertyKind::Text},
                                                       {"id", PropertyKind::Guid},
                                                       {"status", PropertyKind::Enum, kStates},
                                                       {"time", PropertyKind::Time},
                                                       {"group", PropertyKind::Integer},
                                                       {"tags", PropertyKind::TextList}}};
constexpr const char *kId = "6a1f2c3d-0b4e-4f5a-9c6d-7e8f90a1b2c3";

bool matches(std::string_view text) {
  static const std::vector<std::string> tags = {"pilot", "tier0"};
  const std::array<ODataValue, 6> row = {std::string_view("o'hara"),
                                         std::string_view(kId),
                                         std::string_view("Pending"),
                                         *UtcTicks::parse("2026-02-03T10:11:12.25Z"),
                                         std::int64_t{75},
                                         &tags};
  const auto filter = ODataFilter::parse(text, kProperties);
  EXPECT_TRUE(filter) << text << ": " << filter.error().message;
  return filter && filter->matches([&](std::size_t property) { return row.at(property); });
}

bool is_refused(std::string_view text) {
  return !ODataFilter::parse(text, kProperties);
}

TEST(ODataFilter, ComparesTextsTimesNumbersAndGuids) {
  EXPECT_TRUE(matches("name eq 'o''hara'"));
  EXPECT_FALSE(matches("name ne 'o''hara'"));
  EXPECT_TRUE(matches("group ge 75 and group le 75"));
  EXPECT_FALSE(matches("group gt 75 or group lt 75"));
  EXPECT_TRUE(matches(std::string("id eq '") + kId + "'"));
  EXPECT_TRUE(matches(std::string("id eq ") + kId));
  EXPECT_TRUE(matches("time gt 2026-02-03T10:11:12.2Z"));
  EXPECT_TRUE(matches("time lt 2026-02-03T10:11:12.2500001Z"));
  EXPECT_TRUE(matches("time ge 2026-02-03T10:11:12.2500000Z"));
  EXPECT_TRUE(matches("time gt 2026-02-03Z"));
  EXPECT_TRUE(matches("name ne null"));
}

TEST(ODataFilter, MatchesPropertyNamesInAnyLetterCase) {
  EXPECT_TRUE(matches("GROUP eq 75 and Status eq 'Pending'"));
}

TEST(ODataFilter, LooksUpLists) {
  EXPECT_TRUE(matches("status in ('Succeeded','Pending')"));
  EXPECT_FALSE(matches("status in ('Succeeded')"));
  EXPECT_TRUE(matches("group in (1, 75)"));
}

TEST(ODataFilter, BindsNotBeforeAndBeforeOr) {
  EXPECT_TRUE(matches("group eq 75 or group eq 1 and group eq 2"));
  EXPECT_FALSE(matches("(group eq 75 or group eq 1) and group eq 2"));
  EXPECT_TRUE(matches("not (group eq 1)"));
  EXPECT_FALSE(matches("not (group eq 1) and group eq 2"));
  EXPECT_FALSE(matches("not group eq 75 or not not group eq 1"));
  EXPECT_TRUE(matches("((group eq 75))"));
}

TEST(ODataFilter, KnowsStartswithAndAny) {
  EXPECT_TRUE(matches("startswith(name,'o''h')"));
  EXPECT_FALSE(matches("startswith(name,'h')"));
  EXPECT_TRUE(matches("tags/any(t: t eq 'tier0')"));
  EXPECT_TRUE(matches("tags/any(t:t eq 'tier0')"));
  EXPECT_FALSE(matches("tags/any(t: t eq 'tier')"));
  EXPECT_TRUE(matches("tags/any(t: startswith(t,'tier'))"));
}

TEST(ODataFilter, RefusesWhatTheServiceWouldNotUnderstand) {
  for (const char *text : {"",
                           "group",
                           "group eq",
                           "group eq '75'",
                           "name eq o",
                           "name eq 'x",
                           "unknown eq 1",
                           "(group eq 75",
                           "group eq 75)",
                           "group eq 75 group eq 75",
                           "group eq 75 and",
                           "and group eq 75",
                           "time eq '2026-02-03T10:11:12Z'",
                           "time eq yesterday",
                           "id eq 'x'",
                           "status eq 'Canceled'",
                           "group in ()",
                           "group in (1",
                           "tags eq 'x'",
                           "tags/all(t: t eq 'x')",
                           "tags/any(t: u eq 'x')",
                           "startswith(group,'7')",
                           "startswith(name)",
                           "not",
                           "1 eq 1",
                           "contains(name,'x')",
                           "group EQ 75"})
    EXPECT_TRUE(is_refused(text)) << text;
}

TEST(ODataFilter, RefusesDeepNestingInsteadOfRecursing) {
  EXPECT_TRUE(is_refused(std::string(100'000, '(') + "group eq 75" + std::string(100'000, ')')));
  std::string nots;
  for (int i = 0; i < 10'000; ++i) nots += "not ";
  EXPECT_TRUE(is_refused(nots + "group eq 75"));
  EXPECT_TRUE(matches(std::string(90, '(') + "group eq 75" + std::string(90, ')')));
}

TEST(ODataFilter, NullEqualsOnlyNull) {
  const auto is = [](const char *text) {
    return ODataFilter::parse(text, kProperties)->matches([](std::size_t) { return ODataValue(); });
  };
  EXPECT_TRUE(is("name eq null"));
  EXPECT_TRUE(is("name ne 'x'"));
  EXPECT_FALSE(is("name eq 'x'"));
  EXPECT_FALSE(is("time gt 2026-02-03Z"));
  EXPECT_FALSE(is("startswith(name,'')"));
}

TEST(ODataFilter, SaysWhichTextsAPropertyMustEqual) {
  const auto required = [](const char *text) { return ODataFilter::parse(text, kProperties)->required_texts(0); };
  EXPECT_EQ(required("name eq 'a' and group eq 1"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(required("group eq 1 and name in ('b','a')"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(required("name eq 'a' or group eq 1"), std::nullopt);
  EXPECT_EQ(required("not (name eq 'a')"), std::nullopt);
  EXPECT_EQ(required("name ne 'a'"), std::nullopt);
}

}  // namespace
}  // namespace cordon::emulator

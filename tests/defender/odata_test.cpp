#include "defender/odata.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace cordon::defender {
namespace {

std::string decoded(const std::string &target) {
  return percent_decode(target, false).value();
}

TEST(ODataQuery, QuotesDoublesAndEncodes) {
  const std::string query = ODataQuery().equals("computerDnsName", "o'brien & söhne").str();
  EXPECT_EQ(query.find(' '), std::string::npos);
  EXPECT_EQ(query.find('&'), std::string::npos) << "a value must not open another option";
  EXPECT_EQ(decoded(query), "?$filter=computerDnsName eq 'o''brien & söhne'");
}

TEST(ODataQuery, JoinsTermsAndLeavesTimesBare) {
  const UtcTicks time = *UtcTicks::parse("2026-02-03T10:00:00.1234567Z");
  EXPECT_EQ(decoded(ODataQuery()
                        .equals("machineId", "ab")
                        .any_of("type", {"Isolate", "Unisolate"})
                        .any_of("status", {"Pending"})
                        .any_of("id", {})
                        .since("creationDateTimeUtc", time)
                        .order_by("creationDateTimeUtc", true)
                        .top(10)
                        .skip(20)
                        .str()),
            "?$filter=machineId eq 'ab' and type in ('Isolate','Unisolate') and status eq 'Pending' and "
            "creationDateTimeUtc ge 2026-02-03T10:00:00.1234567Z&$orderby=creationDateTimeUtc desc&$top=10&$skip=20");
  EXPECT_EQ(ODataQuery().str(), "");
}

TEST(ActionList, AsksForWhatTheFilterSays) {
  const ActionFilter filter = action_filter_of(
      Json::parse(R"({"machine_id":"aa","type":"Isolate","status":"Pending","since":"2026-02-03T10:00:00Z","top":5})"));
  EXPECT_EQ(decoded(action_list_target(filter)),
            "/api/machineactions?$filter=machineId eq 'aa' and type eq 'Isolate' and status eq 'Pending' and "
            "creationDateTimeUtc ge 2026-02-03T10:00:00Z&$orderby=creationDateTimeUtc desc&$top=5");
  EXPECT_EQ(decoded(action_list_target(action_filter_of(Json::object()))),
            "/api/machineactions?$orderby=creationDateTimeUtc desc&$top=1000");
}

TEST(ActionList, CanBeOrderedForPagingWhileRowsArrive) {
  ActionFilter filter;
  filter.updated_since = *UtcTicks::parse("2026-02-03T10:00:00Z");
  filter.ascending_by_update = true;
  EXPECT_EQ(decoded(action_list_target(filter)),
            "/api/machineactions?$filter=lastUpdateDateTimeUtc ge 2026-02-03T10:00:00Z&"
            "$orderby=lastUpdateDateTimeUtc asc");
}

TEST(MachineList, ChoosesThePathThatAnswers) {
  const auto target = [](const char *filter) { return decoded(machine_list_target(Json::parse(filter)).value()); };
  EXPECT_EQ(target(R"({"computer_name":"ws-042","top":2})"),
            "/api/machines?$filter=computerDnsName eq 'ws-042'&$top=2");
  EXPECT_EQ(target(R"({"tag":"tier 0"})"), "/api/machines/findbytag?tag=tier 0&useStartsWithFilter=false");
  EXPECT_EQ(target(R"({"tag_prefix":"tier"})"), "/api/machines/findbytag?tag=tier&useStartsWithFilter=true");
  EXPECT_EQ(target(R"({"tag":"t","os_platform":"Windows11"})"),
            "/api/machines?$filter=osPlatform eq 'Windows11' and machineTags/any(t: t eq 't')&$top=1000");
  EXPECT_EQ(target(R"({"ip":"10.0.0.5","seen_at":"2026-02-03T10:00:00Z"})"),
            "/api/machines/findbyip(ip='10.0.0.5',timestamp=2026-02-03T10:00:00Z)");
  EXPECT_EQ(target(R"({"sha1":"abc"})"), "/api/files/abc/machines");
  EXPECT_EQ(target(R"({"device_group_id":7})"), "/api/machines?$filter=rbacGroupId eq 7&$top=1000");
  EXPECT_EQ(decoded(machines_by_id_target({"a", "b"})), "/api/machines?$filter=id in ('a','b')");
}

TEST(MachineList, RefusesCombinationsTheServiceCannotAnswer) {
  for (const char *filter :
       {R"({"sha1":"abc","tag":"x"})", R"({"seen_at":"2026-02-03T10:00:00Z"})",
        R"({"tag_prefix":"x","computer_name":"y"})", R"({"ip":"10.0.0.5","seen_at":"2026-02-03T10:00:00Z","tag":"x"})"})
    EXPECT_FALSE(machine_list_target(Json::parse(filter))) << filter;
}

}  // namespace
}  // namespace cordon::defender

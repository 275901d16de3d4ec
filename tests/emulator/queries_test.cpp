#include "emulator/service_fixture.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

TEST(ActionQueries, ListNewestFirstAndPageByTopAndSkip) {
  ServiceUnderTest s;
  std::vector<std::string> made;
  for (std::size_t i = 0; i < 5; ++i) made.insert(made.begin(), s.start(s.machine(i), "isolate"));
  EXPECT_EQ(ids(s.get("/api/machineactions")), made);
  EXPECT_EQ(ids(s.get("/api/machineactions?$top=2&$skip=1")), (std::vector<std::string>{made[1], made[2]}));
  EXPECT_TRUE(ids(s.get("/api/machineactions?$skip=9")).empty());
  EXPECT_FALSE(Json::parse(s.get("/api/machineactions?$top=2").body).contains("@odata.nextLink"));
  EXPECT_EQ(Json::parse(s.get("/api/machineactions?$top=2&$count=true").body).at("@odata.count"), 5);
  EXPECT_EQ(s.get("/api/machineactions/$count").body, "5");
}

TEST(ActionQueries, FilterByWhatIsDocumentedAndWhatIsSeen) {
  ServiceUnderTest s;
  const std::string first = s.start(s.machine(0), "isolate");
  s.clock.advance(10min);
  const std::string second = s.start(s.machine(1), "restrictCodeExecution"), third = s.start(s.machine(1), "isolate");
  const auto found = [&](const std::string &filter) { return ids(s.get_filtered("/api/machineactions", filter)); };
  EXPECT_EQ(found("status eq 'Succeeded'"), (std::vector<std::string>{first}));
  EXPECT_EQ(found("(status eq 'Pending' or status eq 'InProgress')"), (std::vector<std::string>{third, second}));
  EXPECT_EQ(found("machineId eq '" + s.machine(1) + "' and type eq 'RestrictCodeExecution'"),
            (std::vector<std::string>{second}));
  EXPECT_EQ(found("id in ('" + second + "','" + first + "','11111111-2222-3333-4444-555555555555')"),
            (std::vector<std::string>{second, first}));
  EXPECT_EQ(found("id eq '" + first + "' and status eq 'Pending'"), (std::vector<std::string>{}));
  EXPECT_EQ(found("requestor eq '" + s.app.client_id + "'").size(), 3u);
  EXPECT_EQ(found("CreationDateTimeUtc ge " + text_or(s.action(second), "creationDateTimeUtc")),
            (std::vector<std::string>{third, second}));
  EXPECT_EQ(found("lastUpdateDateTimeUtc gt " + text_or(s.action(first), "lastUpdateDateTimeUtc")),
            (std::vector<std::string>{third, second}));
  EXPECT_EQ(ids(s.get_filtered("/api/machineactions", "type eq 'Isolate'", "&$orderby=lastUpdateDateTimeUtc%20asc")),
            (std::vector<std::string>{first, third}));
  EXPECT_EQ(ids(s.get("/api/machines/" + s.machine(1) + "/machineActions?$filter=type+eq+'Isolate'&$top=1")),
            (std::vector<std::string>{third}));
}

TEST(ActionQueries, ABadOptionHasAnEmptyCodeAndNoTarget) {
  ServiceUnderTest s;
  const Reply reply = s.get("/api/machineactions?$stop=5");
  EXPECT_EQ(reply.status, 400);
  const Json error = Json::parse(reply.body).at("error");
  EXPECT_EQ(error.at("code"), "");
  EXPECT_EQ(error.at("message"),
            "The query specified in the URI is not valid. Custom query option '$stop' that starts with '$' is not "
            "supported.");
  EXPECT_EQ(error.at("details"), Json::array());
  EXPECT_FALSE(error.contains("target"));
  for (const char *query : {"$filter=nothing%20eq%201", "$filter=", "$top=10001", "$top=-1", "$skip=x", "$count=yes",
                            "$orderby=nothing", "$orderby=id%20up", "$select=id", "$filter=externalId%20eq%20'x'"})
    EXPECT_EQ(s.get(std::string("/api/machineactions?") + query).status, 400) << query;
  EXPECT_EQ(s.get("/api/machineactions?other=1").status, 200);
}

TEST(ActionQueries, ExternalIdIsFilterableOnlyWhenTheScenarioSaysSo) {
  ServiceUnderTest s(Json{{"knobs", {{"filter_external_id", true}}}});
  Json body = {{"ExternalId", "e1"}};
  const std::string id = s.start(s.machine(), "isolate", body);
  s.start(s.machine(1), "isolate");
  EXPECT_EQ(ids(s.get_filtered("/api/machineactions", "externalId eq 'e1'")), (std::vector<std::string>{id}));
}

TEST(ActionQueries, WithoutTopAFullPageNamesTheNext) {
  ServiceUnderTest s(Json{{"knobs", {{"page_size", 2}}}});
  for (std::size_t i = 0; i < 5; ++i) s.start(s.machine(i), "isolate");
  Json page = Json::parse(s.get_filtered("/api/machineactions", "type eq 'Isolate'").body);
  std::size_t rows = 0, pages = 1;
  for (;; ++pages) {
    rows += page.at("value").size();
    if (!page.contains("@odata.nextLink")) break;
    const std::string link = page.at("@odata.nextLink");
    ASSERT_TRUE(link.starts_with("https://localhost/api/machineactions?")) << link;
    page = Json::parse(s.get(link.substr(std::string("https://localhost").size())).body);
  }
  EXPECT_EQ(rows, 5u);
  EXPECT_EQ(pages, 3u);
}

TEST(ActionQueries, TheNextLinkMayNameAForeignHost) {
  ServiceUnderTest s(Json{{"knobs", {{"page_size", 1}, {"next_link_origin", "https://evil.example"}}}});
  s.start(s.machine(0), "isolate");
  s.start(s.machine(1), "isolate");
  EXPECT_TRUE(
      text_or(Json::parse(s.get("/api/machineactions").body), "@odata.nextLink").starts_with("https://evil.example/"));
}

TEST(ActionQueries, AnUnknownActionIsNotFound) {
  ServiceUnderTest s;
  EXPECT_EQ(error_code(s.get("/api/machineactions/11111111-2222-3333-4444-555555555555")), "ResourceNotFound");
  EXPECT_EQ(s.get("/api/machineactions/x").status, 404);
}

TEST(MachineQueries, TheFleetIsOnlineWindowsClientsAndACast) {
  ServiceUnderTest s;
  EXPECT_EQ(s.fleet().machines.size(), 20u);
  EXPECT_EQ(s.get("/api/machines/$count").body, "27");
  for (const std::string &id : s.fleet().machines) {
    const Json machine = Json::parse(s.get("/api/machines/" + id).body);
    EXPECT_EQ(machine.at("osPlatform"), "Windows11");
    EXPECT_EQ(machine.at("healthStatus"), "Active");
    EXPECT_EQ(machine.at("onboardingStatus"), "Onboarded");
    EXPECT_TRUE(machine.at("mergedIntoMachineId").is_null());
  }
  EXPECT_EQ(Json::parse(s.get("/api/machines/" + s.fleet().cast.merged).body).at("mergedIntoMachineId"),
            s.fleet().cast.online);
  EXPECT_EQ(Json::parse(s.get("/api/machines/" + s.fleet().cast.server).body).at("osPlatform"), "WindowsServer2022");
}

TEST(MachineQueries, FindByNameFilterTagAndAddress) {
  ServiceUnderTest s(Json{{"machines",
                           {{{"name", "Special.contoso.example"},
                             {"id", std::string(40, 'a')},
                             {"ip", "10.9.9.9"},
                             {"tags", {"vip", "pilot"}},
                             {"group_id", 99}}}}});
  const std::vector<std::string> special = {std::string(40, 'a')};
  EXPECT_EQ(Json::parse(s.get("/api/machines/special.CONTOSO.example").body).at("id"), special[0]);
  const auto found = [&](const std::string &filter) { return ids(s.get_filtered("/api/machines", filter)); };
  EXPECT_EQ(found("startswith(computerDnsName,'Spec')"), special);
  EXPECT_EQ(found("machineTags/any(t: t eq 'vip') and rbacGroupId eq 99"), special);
  EXPECT_EQ(found("id in ('" + special[0] + "')"), special);
  EXPECT_EQ(found("startswith(computerDnsName,'ws-')").size(), 20u);
  EXPECT_EQ(found("lastSeen gt 2018-08-01Z").size(), 28u);
  EXPECT_EQ(ids(s.get("/api/machines/findbytag?tag=vip")), special);
  EXPECT_TRUE(ids(s.get("/api/machines/findbytag?tag=vi")).empty());
  EXPECT_EQ(ids(s.get("/api/machines/findbytag?tag=vi&useStartsWithFilter=true")), special);
  EXPECT_EQ(s.get("/api/machines/findbytag").status, 400);
  const std::string now = s.service.now().str();
  EXPECT_EQ(ids(s.get("/api/machines/findbyip(ip='10.9.9.9',timestamp=" + now + ")")), special);
  EXPECT_TRUE(ids(s.get("/api/machines/FindByIp(ip='10.9.9.8',timestamp=" + now + ")")).empty());
  EXPECT_EQ(s.get("/api/machines/findbyip(ip='10.9.9.9',timestamp=2020-01-01T00:00:00Z)").status, 400);
  EXPECT_EQ(error_code(s.get("/api/machines/findbyip(ip=x,timestamp=" + now + ")")), "InvalidIpAddress");
}

TEST(MachineQueries, AnEmptyListMayBeAnError) {
  ServiceUnderTest usual;
  EXPECT_EQ(usual.get_filtered("/api/machines", "id eq 'x'").status, 200);
  ServiceUnderTest strict(Json{{"knobs", {{"empty_machine_list_status", 404}}}});
  EXPECT_EQ(strict.get_filtered("/api/machines", "id eq 'x'").status, 404);
}

TEST(FileQueries, AreFoundByEitherHash) {
  ServiceUnderTest s;
  const Json file = Json::parse(s.get("/api/files/" + s.fleet().files[0]).body);
  EXPECT_EQ(file.at("sha1"), s.fleet().files[0]);
  EXPECT_EQ(Json::parse(s.get("/api/files/" + text_or(file, "sha256")).body).at("sha1"), s.fleet().files[0]);
  EXPECT_EQ(s.get("/api/files/" + std::string(40, 'a')).status, 404);
  EXPECT_EQ(error_code(s.get("/api/files/xyz")), "InvalidHashValue");
  EXPECT_EQ(ids(s.get("/api/files/" + s.fleet().files[0] + "/machines")).size(), 27u);
  EXPECT_TRUE(ids(s.get("/api/files/" + std::string(40, 'a') + "/machines")).empty());
  EXPECT_EQ(s.get("/api/files/" + text_or(file, "sha256") + "/machines").status, 400);
}

}  // namespace
}  // namespace cordon::emulator

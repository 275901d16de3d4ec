#include <ctime>

#include "emulator/service_fixture.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

std::string with_roles(const std::vector<std::string> &roles, const std::string &verb, const Json &body) {
  ServiceUnderTest s(Json{{"apps", {{{"name", "app"}, {"roles", roles}}}}});
  Json more = body;
  if (verb == "StopAndQuarantineFile") more["Sha1"] = s.fleet().files[0];
  const Reply reply = s.act(s.machine(), verb, more);
  return reply.status == 403 ? error_message(reply) : std::to_string(reply.status);
}

TEST(SubmitAction, NamesTheRolesThatAreMissing) {
  EXPECT_EQ(with_roles({"Machine.Read.All"}, "restrictCodeExecution", Json::object()),
            "The application does not have any of the required application permissions (Machine.RestrictExecution) to "
            "access the resource.");
  EXPECT_EQ(with_roles({"Machine.RestrictExecution"}, "restrictCodeExecution", Json::object()), "201");
}

TEST(SubmitAction, QuarantineNeedsTwoRoles) {
  EXPECT_NE(
      with_roles({"Machine.Read.All"}, "StopAndQuarantineFile", Json::object()).find("(Machine.StopAndQuarantine)"),
      std::string::npos);
  EXPECT_NE(with_roles({"Machine.StopAndQuarantine"}, "StopAndQuarantineFile", Json::object())
                .find("(Machine.Read.All, Machine.ReadWrite.All)"),
            std::string::npos);
  EXPECT_EQ(with_roles({"Machine.StopAndQuarantine", "Machine.ReadWrite.All"}, "StopAndQuarantineFile", Json::object()),
            "201");
}

TEST(SubmitAction, WantsExactlyWrittenNames) {
  ServiceUnderTest s;
  const std::string path = "/api/machines/" + s.machine() + "/";
  EXPECT_EQ(error_code(s.post(path + "isolate", {{"comment", "x"}})), "MissingRequiredParameter");
  EXPECT_EQ(error_code(s.post(path + "isolate", Json::object())), "MissingRequiredParameter");
  EXPECT_EQ(error_code(s.post(path + "isolate", {{"Comment", nullptr}})), "MissingRequiredParameter");
  EXPECT_EQ(error_code(s.post(path + "isolate", {{"Comment", "  "}})), "MissingRequiredParameter");
  EXPECT_EQ(error_code(s.post(path + "isolate", {{"Comment", 1}})), "InvalidRequestBody");
  EXPECT_EQ(error_code(s.post(path + "isolate", {{"Comment", "x"}, {"Other", "y"}})), "InvalidRequestBody");
  EXPECT_EQ(error_code(s.post(path + "isolate", {{"Comment", "x"}, {"IsolationType", "full"}})), "InvalidInput");
  EXPECT_EQ(error_code(s.post(path + "runAntiVirusScan", {{"Comment", "x"}})), "MissingRequiredParameter");
  EXPECT_EQ(error_code(s.post(path + "runAntiVirusScan", {{"Comment", "x"}, {"scanType", "Full"}})),
            "MissingRequiredParameter");
  EXPECT_EQ(error_code(s.post(path + "StopAndQuarantineFile", {{"Comment", "x"}})), "MissingRequiredParameter");
  EXPECT_EQ(error_code(s.post(path + "StopAndQuarantineFile", {{"Comment", "x"}, {"Sha1", std::string(64, 'a')}})),
            "InvalidHashValue");
  EXPECT_EQ(error_code(s.post(path + "isolate", {{"Comment", "x"}, {"RequestSource", "Me"}})), "InvalidInput");
  EXPECT_EQ(s.post(path + "isolate", {{"Comment", "x"}, {"RequestSource", "PublicApi"}, {"Title", "t"}}).status, 201);
  EXPECT_EQ(s.service.actions().size(), 1u);
}

TEST(SubmitAction, WantsOneJsonObject) {
  ServiceUnderTest s;
  const std::string target = "/api/machines/" + s.machine() + "/isolate", authorization = "Bearer " + s.token;
  for (const char *body : {"", "[]", "{", R"({"Comment":"a","Comment":"b"})", "\"x\""})
    EXPECT_EQ(error_code(s.service.handle({"POST", target, authorization, "application/json", body})),
              "InvalidRequestBody");
  EXPECT_EQ(error_code(s.service.handle({"POST", target, authorization, "text/plain", R"({"Comment":"a"})"})),
            "InvalidRequestBody");
  EXPECT_EQ(
      s.service.handle({"POST", target, authorization, "application/json; charset=utf-8", R"({"Comment":"a"})"}).status,
      201);
}

TEST(SubmitAction, AnUnknownOrMalformedMachineIsNotFound) {
  ServiceUnderTest s;
  const Reply reply = s.act("123123123", "isolate");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(error_code(reply), "ResourceNotFound");
  EXPECT_EQ(error_message(reply), "Machine 123123123 was not found");
  EXPECT_EQ(s.act(std::string(40, 'a'), "isolate").status, 404);
}

TEST(SubmitAction, RefusesSystemsItDoesNotRunOn) {
  ServiceUnderTest s(Json{
      {"machines",
       {{{"name", "old"}, {"id", std::string(40, 'a')}, {"os_platform", "Windows10"}, {"os_build", 15063}},
        {{"name", "2016"}, {"id", std::string(40, 'b')}, {"os_platform", "WindowsServer2016"}, {"os_build", 14393}},
        {{"name", "mac"}, {"id", std::string(40, 'c')}, {"os_platform", "macOS"}}}}});
  const Json file = {{"Sha1", s.fleet().files[0]}};
  EXPECT_EQ(error_code(s.act(s.fleet().cast.linux_host, "restrictCodeExecution")), "OsPlatformNotSupported");
  EXPECT_EQ(error_code(s.act(std::string(40, 'c'), "StopAndQuarantineFile", file)), "OsPlatformNotSupported");
  EXPECT_EQ(error_code(s.act(s.fleet().cast.linux_host, "offboard")), "OsPlatformNotSupported");
  EXPECT_EQ(s.act(s.fleet().cast.linux_host, "isolate").status, 201);
  EXPECT_EQ(error_code(s.act(std::string(40, 'a'), "restrictCodeExecution")), "ClientVersionNotSupported");
  EXPECT_EQ(s.act(std::string(40, 'a'), "StopAndQuarantineFile", file).status, 201);
  EXPECT_EQ(error_code(s.act(std::string(40, 'b'), "restrictCodeExecution")), "ClientVersionNotSupported");
  EXPECT_EQ(s.act(std::string(40, 'b'), "StopAndQuarantineFile", file).status, 201);
  EXPECT_EQ(s.act(s.fleet().cast.server, "restrictCodeExecution").status, 201);
}

TEST(SubmitAction, QuarantineKnowsWhichFilesADeviceHas) {
  const std::string id(40, 'a');
  ServiceUnderTest s(Json{{"machines", {{{"name", "m"}, {"id", id}, {"files", {std::string(40, 'e')}}}}},
                          {"files", {{{"sha1", std::string(40, 'e')}}}}});
  const Reply unknown = s.act(id, "StopAndQuarantineFile", {{"Sha1", s.fleet().files[0]}});
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(error_code(unknown), "ResourceNotFound");
  EXPECT_EQ(error_message(unknown), "Sha1 " + s.fleet().files[0] + " was not found in machine " + id);
  const Reply known = s.act(id, "StopAndQuarantineFile", {{"Sha1", std::string(40, 'E')}});
  EXPECT_EQ(known.status, 201);
  EXPECT_EQ(Json::parse(known.body).at("relatedFileInfo"),
            (Json{{"fileIdentifier", std::string(40, 'E')}, {"fileIdentifierType", "Sha1"}}));
  EXPECT_EQ(s.act(s.machine(), "StopAndQuarantineFile", {{"Sha1", std::string(40, 'e')}}).status, 201);
  const Reply is_signed = s.act(s.machine(1), "StopAndQuarantineFile", {{"Sha1", s.fleet().microsoft_signed_file}});
  EXPECT_EQ(is_signed.status, 403);
  EXPECT_EQ(error_code(is_signed), "DisallowedOperation");
}

TEST(SubmitAction, EchoesExternalIdAndTitle) {
  ServiceUnderTest s;
  const Json action = Json::parse(s.act(s.machine(), "isolate", {{"ExternalId", "CASE-77/1"}, {"Title", "t"}}).body);
  EXPECT_EQ(action.at("externalId"), "CASE-77/1");
  EXPECT_EQ(action.at("title"), "t");
}

TEST(SubmitAction, ShowsTheRequestorTheScenarioNames) {
  ServiceUnderTest s(Json{{"apps", {{{"name", "app"}, {"requestor", "ops@contoso.example"}}}}});
  EXPECT_EQ(Json::parse(s.act(s.machine(), "isolate").body).at("requestor"), "ops@contoso.example");
}

TEST(SubmitAction, RoutesAreFoundInAnyLetterCaseAndWithAVersion) {
  ServiceUnderTest s;
  EXPECT_EQ(s.post("/API/v1.0/Machines/" + s.machine() + "/RESTRICTcodeExecution", {{"Comment", "x"}}).status, 201);
  EXPECT_EQ(s.post("/api/v2.0/machines/" + s.machine() + "/isolate", {{"Comment", "x"}}).status, 404);
  EXPECT_EQ(s.get("/api/machines/" + s.machine() + "/isolate").status, 404);
  EXPECT_EQ(s.get("/api/MachineActions").status, 200);
}

TEST(SubmitAction, AThousandActionsDoNotMakeTheNextOnesSlower) {
  constexpr std::size_t kBatch = 500;
  ServiceUnderTest s(Json{{"quota", "1000000/60s"}}, {.machines = 4 * kBatch});
  const auto batch_cpu_time = [&](std::size_t from) {
    const std::clock_t begin = std::clock();
    for (std::size_t i = from; i < from + kBatch; ++i) EXPECT_EQ(s.act(s.machine(i), "isolate").status, 201);
    return std::clock() - begin;
  };
  const std::clock_t first = batch_cpu_time(0);
  batch_cpu_time(kBatch);
  batch_cpu_time(2 * kBatch);
  // With a search through all actions the last batch would take many times as long as the first.
  EXPECT_LT(batch_cpu_time(3 * kBatch), 4 * first);
  EXPECT_EQ(s.service.actions().size(), 4 * kBatch);
}

}  // namespace
}  // namespace cordon::emulator

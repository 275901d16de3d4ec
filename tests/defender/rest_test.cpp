#include "defender/rest.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace cordon::defender {
namespace {

const std::string kMachine(40, 'a');
const std::string kSha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
const std::string kAction = "b7d0a5e2-41c9-4f0e-8a55-0d1f6a2b3c4d";
constexpr const char *kApi = "https://api.example.test";

Call call_of(std::string_view name, const Json &request) {
  const Operation &operation = *Catalogue::instance().find(name);
  return Call(operation, operation.check(request).value());
}

Call quarantine() {
  return call_of("stop_and_quarantine", {{"machine_id", kMachine}, {"sha1", kSha1}, {"comment", "INC-1"}});
}

http::Exchange answered(int status, std::string body) {
  http::Exchange exchange;
  exchange.response.emplace();
  exchange.response->status = status;
  exchange.response->body = std::move(body);
  exchange.response->headers.emplace_back("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
  exchange.sent = true;
  return exchange;
}

Json entity(const char *type) {
  return {{"id", kAction}, {"type", type}, {"status", "Pending"}, {"machineId", kMachine}};
}

PostResult interpret(const Call &call, const http::Exchange &exchange) {
  return interpret_post(call, exchange, CallContext(call.operation, "contoso"));
}

TEST(BuildRequest, SendsTheWiresOwnNames) {
  Call call = quarantine();
  call.external_id = "request-1";
  call.comment_marker = "[cordon:1]";
  const http::Request request = build_request(kApi, call);
  EXPECT_EQ(request.method, http::Method::Post);
  EXPECT_EQ(request.url, std::string(kApi) + "/api/machines/" + kMachine + "/StopAndQuarantineFile");
  EXPECT_EQ(request.content_type, "application/json");
  EXPECT_EQ(Json::parse(request.body),
            Json({{"Comment", "INC-1 [cordon:1]"}, {"Sha1", kSha1}, {"ExternalId", "request-1"}}));
}

TEST(BuildRequest, LeavesOutWhatIsNotGiven) {
  const http::Request request = build_request(kApi, quarantine());
  EXPECT_EQ(Json::parse(request.body), Json({{"Comment", "INC-1"}, {"Sha1", kSha1}}));
  const Call cancel = call_of("cancel_action", {{"action_id", kAction}, {"comment", "c"}});
  EXPECT_EQ(build_request(kApi, cancel).url, std::string(kApi) + "/api/machineactions/" + kAction + "/cancel");
}

TEST(BuildRequest, DefaultsAreSpelledOut) {
  const Call isolate = call_of("isolate", {{"machine_id", kMachine}, {"comment", "c"}});
  EXPECT_EQ(Json::parse(build_request(kApi, isolate).body)["IsolationType"], "Full");
  const Call scan = call_of("run_antivirus_scan", {{"machine_id", kMachine}, {"comment", "c"}, {"scan_type", "Full"}});
  EXPECT_EQ(Json::parse(build_request(kApi, scan).body)["ScanType"], "Full");
}

TEST(BuildRequest, AReadIsAGetWithItsFilterInTheUrl) {
  const http::Request request = build_request(kApi, call_of("list_actions", {{"filter", {{"status", "Pending"}}}}));
  EXPECT_EQ(request.method, http::Method::Get);
  EXPECT_TRUE(request.body.empty());
  EXPECT_NE(request.url.find("/api/machineactions?$filter=status%20eq%20%27Pending%27"), std::string::npos)
      << request.url;
}

TEST(BuildRequest, EveryOperationOfTheServiceCanBeBuilt) {
  for (const Operation &operation : Catalogue::instance().operations()) {
    if (operation.kind == OperationKind::Local) continue;
    Json request = {{"machine_id", kMachine},
                    {"action_id", kAction},
                    {"sha1", kSha1},
                    {"comment", "c"},
                    {"filter", Json::object()}};
    const Json &properties = operation.request_schema["properties"];
    for (const char *key : {"machine_id", "action_id", "sha1", "comment", "filter"})
      if (!properties.contains(key)) request.erase(key);
    const http::Request built = build_request(kApi, call_of(operation.name, request));
    EXPECT_EQ(built.url.find('{'), std::string::npos) << built.url;
  }
}

TEST(InterpretPost, AnActionOfTheRightTypeOnTheRightDeviceIsAccepted) {
  for (const int status : {200, 201}) {
    const PostResult result = interpret(quarantine(), answered(status, entity("StopAndQuarantineFile").dump()));
    EXPECT_EQ(result.outcome, PostOutcome::Accepted);
    EXPECT_EQ(result.action.id, kAction);
    ASSERT_TRUE(result.service_date);
    EXPECT_EQ(result.service_date->str(), "1994-11-06T08:49:37Z");
  }
}

TEST(InterpretPost, TheTimeOfAGatewaysPageIsNotTheServices) {
  EXPECT_FALSE(interpret(quarantine(), answered(502, "<html>bad gateway</html>")).service_date);
  EXPECT_FALSE(interpret(quarantine(), answered(502, "")).service_date);
  EXPECT_TRUE(interpret(quarantine(), answered(400, R"({"error": {"code": "BadRequest"}})")).service_date);
}

TEST(InterpretPost, ASuccessThatCannotBeUnderstoodIsUnknown) {
  Json other_device = entity("StopAndQuarantineFile");
  other_device["machineId"] = std::string(40, 'b');
  for (const std::string &body : {std::string("INVALID RESPONSE"), std::string(), std::string("{}"),
                                  entity("Isolate").dump(), other_device.dump()}) {
    const PostResult result = interpret(quarantine(), answered(201, body));
    EXPECT_EQ(result.outcome, PostOutcome::Unknown) << body;
    EXPECT_EQ(result.error.status, Status::OutcomeUnknown);
    EXPECT_TRUE(result.error.outcome_unknown);
    EXPECT_FALSE(result.error.retryable);
  }
}

TEST(InterpretPost, SomebodyElsesPendingActionWithAnotherFileIsAConflict) {
  Json body = entity("StopAndQuarantineFile");
  body["relatedFileInfo"] = {{"fileIdentifier", std::string(40, '0')}, {"fileIdentifierType", "Sha1"}};
  const PostResult result = interpret(quarantine(), answered(201, body.dump()));
  EXPECT_EQ(result.outcome, PostOutcome::Conflict);
  EXPECT_EQ(result.error.status, Status::ActionInProgress);
  EXPECT_EQ(result.error.action_id, kAction);
}

TEST(InterpretPost, CancellingIsAcceptedOnlyForTheActionAskedFor) {
  const Call cancel = call_of("cancel_action", {{"action_id", kAction}, {"comment", "c"}});
  EXPECT_EQ(interpret(cancel, answered(200, entity("Isolate").dump())).outcome, PostOutcome::Accepted);
  Json other = entity("Isolate");
  other["id"] = "00000000-41c9-4f0e-8a55-0d1f6a2b3c4d";
  EXPECT_EQ(interpret(cancel, answered(200, other.dump())).outcome, PostOutcome::Unknown);
}

TEST(InterpretPost, ACancelThatComesTooLateSaysSo) {
  const Call cancel = call_of("cancel_action", {{"action_id", kAction}, {"comment", "c"}});
  for (const char *body : {R"({"error": {"code": "BadRequest", "message": "no"}})",
                           R"({"error": {"code": "ActiveRequestAlreadyExists", "message": "already in progress"}})"}) {
    const PostResult late = interpret(cancel, answered(400, body));
    EXPECT_EQ(late.outcome, PostOutcome::Refused) << body;
    EXPECT_EQ(late.error.status, Status::InvalidState) << body;
    EXPECT_NE(late.error.message.find("poll it"), std::string::npos) << late.error.message;
  }
  const PostResult wrong = interpret(cancel, answered(400, R"({"error": {"code": "InvalidRequestBody"}})"));
  EXPECT_EQ(wrong.error.status, Status::InvalidArgument);
}

TEST(InterpretPost, WhatWasSentAndNotAnsweredIsUnknownAndWhatWasNotSentIsNot) {
  http::Exchange exchange;
  exchange.error = Error(Status::Network, "the connection was reset");
  exchange.sent = true;
  EXPECT_EQ(interpret(quarantine(), exchange).outcome, PostOutcome::Unknown);
  EXPECT_EQ(interpret(quarantine(), exchange).error.status, Status::OutcomeUnknown);
  exchange.sent = false;
  EXPECT_EQ(interpret(quarantine(), exchange).outcome, PostOutcome::NotSent);
  EXPECT_EQ(interpret(quarantine(), exchange).error.status, Status::Network);
}

TEST(InterpretRead, ReturnsTheDocumentOrSaysWhatIsWrong) {
  const CallContext context(Catalogue::instance().find("get_action"), "contoso");
  EXPECT_TRUE(interpret_read(answered(200, R"({"id":"x"})"), context));
  for (const char *body : {"", "[]", "<html>", "{\"a\":"}) {
    const auto read = interpret_read(answered(200, body), context);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().status, Status::InvalidResponse);
  }
  const auto missing = interpret_read(answered(404, R"({"error":{"code":"ResourceNotFound","message":"m"}})"), context);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, Status::NotFound);
}

TEST(InterpretRead, NoMachineIsAnEmptyListHoweverTheServiceSaysIt) {
  const auto read = [](const char *operation, int status, const char *body) {
    return interpret_read(answered(status, body), CallContext(Catalogue::instance().find(operation), "contoso"));
  };
  for (const char *body :
       {R"({"error":{"code":"ResourceNotFound","message":"m"}})", R"({"error":{"code":"NotFound","message":"m"}})"}) {
    const auto found = read("find_machines", 404, body);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(*found, Json::parse(R"({"value":[]})"));
    EXPECT_EQ(read("get_machine", 404, body).error().status, Status::NotFound);
    EXPECT_EQ(read("list_actions", 404, body).error().status, Status::NotFound);
    EXPECT_FALSE(read("find_machines", 403, body));
  }
  for (const char *body : {"", "<html>no such page</html>", R"({"error":{"code":"","message":"m"}})"})
    EXPECT_EQ(read("find_machines", 404, body).error().status, Status::NotFound) << body;
}

TEST(WithoutAnnotations, TheLinkToFurtherRowsBecomesAWord) {
  const auto plain = [](const char *document) { return without_annotations(Json::parse(document)); };
  EXPECT_EQ(plain(R"({"@odata.context":"c","value":[1],"@odata.nextLink":"https://evil.example/?$skip=1"})"),
            Json::parse(R"({"value":[1],"more":true})"));
  EXPECT_EQ(plain(R"({"@odata.context":"c","@odata.count":1,"value":[1]})"), Json::parse(R"({"value":[1]})"));
  EXPECT_EQ(plain(R"({"@odata.nextLink":null,"id":"x"})"), Json::parse(R"({"id":"x"})"));
}

TEST(InterpretRead, TakesAListLongerThanAMegabyte) {
  Json list = {{"value", Json::array()}};
  Json row = entity("Isolate");
  row["requestorComment"] = std::string(1024, 'x');
  for (int i = 0; i < 2000; ++i) list["value"].push_back(row);
  const auto read = interpret_read(answered(200, list.dump()), CallContext());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(parse_action_list(*read)->actions.size(), 2000u);
}

}  // namespace
}  // namespace cordon::defender

#include "defender/operation.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cordon::defender {
namespace {

const std::string kMachine(40, 'a');
const std::string kSha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

const Operation &operation(std::string_view name) {
  return *Catalogue::instance().find(name);
}

TEST(Catalogue, HoldsTheOperationsOfTheServiceAndOfTheLibrary) {
  for (const char *name : {"restrict_code_execution",
                           "unrestrict_code_execution",
                           "stop_and_quarantine",
                           "isolate",
                           "unisolate",
                           "run_antivirus_scan",
                           "collect_investigation_package",
                           "offboard",
                           "cancel_action",
                           "get_action",
                           "list_actions",
                           "get_machine",
                           "find_machines",
                           "get_request",
                           "list_requests",
                           "containment_status",
                           "health",
                           "describe_secret",
                           "quota",
                           "preflight",
                           "halt",
                           "resume",
                           "audit_verify",
                           "audit_export",
                           "ledger_check"})
    EXPECT_NE(Catalogue::instance().find(name), nullptr) << name;
  const auto unknown = Catalogue::instance().require("reboot");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().status, Status::NotSupported);
  EXPECT_NE(unknown.error().message.find("stop_and_quarantine"), std::string::npos);
}

TEST(Catalogue, IsConsistentInItself) {
  std::set<std::string> classes;
  for (const QuotaClass &quota : Catalogue::instance().quota_classes()) {
    EXPECT_TRUE(classes.insert(quota.name).second) << quota.name;
    EXPECT_FALSE(quota.windows.empty()) << quota.name;
  }
  for (const Operation &op : Catalogue::instance().operations()) {
    SCOPED_TRACE(op.name);
    const Json &properties = op.request_schema["properties"];
    if (op.kind == OperationKind::Local) {
      EXPECT_TRUE(op.path.empty());
      continue;
    }
    EXPECT_TRUE(classes.contains(op.quota_class));
    EXPECT_FALSE(op.application_permissions.empty());
    EXPECT_EQ(op.method, op.is_action() ? "POST" : "GET");
    EXPECT_EQ(op.is_action(), !op.prerequisites.empty());
    EXPECT_EQ(op.reversible, !op.undo.empty());
    for (const BodyField &field : op.body)
      EXPECT_TRUE(field.member == "external_id" || properties.contains(field.member)) << field.member;
    for (const MatchField &field : op.match) EXPECT_TRUE(properties.contains(field.member)) << field.member;
    if (op.undo.empty()) continue;
    ASSERT_NE(Catalogue::instance().find(op.undo), nullptr);
    EXPECT_EQ(operation(op.undo).undo, op.name);
    EXPECT_NE(operation(op.undo).effect, op.effect);
  }
}

TEST(Catalogue, FindsTheOperationOfAnActionType) {
  EXPECT_EQ(Catalogue::instance().by_action_type("StopAndQuarantineFile"), &operation("stop_and_quarantine"));
  EXPECT_EQ(Catalogue::instance().by_action_type("LiveResponse"), nullptr);
  EXPECT_EQ(Catalogue::instance().by_action_type(""), nullptr);
}

TEST(Operation, ChecksARequestAndReturnsItInItsNormalForm) {
  const auto checked = operation("stop_and_quarantine")
                           .check({{"machine_id", std::string(40, 'A')}, {"sha1", kSha1}, {"comment", "INC-1"}});
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ((*checked)["machine_id"], kMachine);
  const auto isolated = operation("isolate").check({{"machine_id", kMachine}, {"comment", "INC-1"}});
  ASSERT_TRUE(isolated);
  EXPECT_EQ((*isolated)["isolation_type"], "Full");
}

TEST(Operation, RefusesABadRequestWithAPointer) {
  const auto pointer_of = [](const char *name, Json request) {
    const auto checked = operation(name).check(request);
    return checked ? std::string("accepted") : checked.error().pointer;
  };
  const Json good = {{"machine_id", kMachine}, {"sha1", kSha1}, {"comment", "INC-1"}};
  const auto with = [&good](const char *key, Json value) {
    Json request = good;
    request[key] = std::move(value);
    return request;
  };
  EXPECT_EQ(pointer_of("stop_and_quarantine", good), "accepted");
  EXPECT_EQ(pointer_of("stop_and_quarantine", with("machine_id", std::string(40, 'g'))), "/machine_id");
  EXPECT_EQ(pointer_of("stop_and_quarantine", with("machine_id", "ws-042")), "/machine_id");
  EXPECT_EQ(pointer_of("stop_and_quarantine", with("comment", " \t ")), "/comment");
  EXPECT_EQ(pointer_of("stop_and_quarantine", with("comment", std::string(1001, 'x'))), "/comment");
  EXPECT_EQ(pointer_of("stop_and_quarantine", with("options", {{"tenat", "x"}})), "/options/tenat");
  EXPECT_EQ(pointer_of("stop_and_quarantine", with("sha_1", "x")), "/sha_1");
  EXPECT_EQ(pointer_of("isolate", {{"machine_id", kMachine}, {"comment", "c"}, {"isolation_type", "full"}}),
            "/isolation_type");
  EXPECT_EQ(pointer_of("get_action", {{"action_id", std::string(36, 'a')}}), "/action_id");
  EXPECT_EQ(pointer_of("list_actions", {{"filter", {{"since", "yesterday at ten o'clock"}}}}), "/filter/since");
  EXPECT_EQ(pointer_of("find_machines", {{"filter", {{"machine_ids", {kMachine, std::string(40, 'z')}}}}}),
            "/filter/machine_ids/1");
  EXPECT_EQ(pointer_of("find_machines", {{"filter", {{"sha1", kSha1}, {"tag", "x"}}}}), "/filter/sha1");
}

TEST(Operation, ErrorsNeverQuoteTheValue) {
  const auto checked = operation("restrict_code_execution").check({{"machine_id", "s3cret"}, {"comment", "c"}});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message.find("s3cret"), std::string::npos);
}

TEST(Operation, QuarantineNeedsBothOfItsPermissions) {
  const Operation &quarantine = operation("stop_and_quarantine");
  EXPECT_EQ(quarantine.missing_permissions({"Machine.StopAndQuarantine", "Machine.ReadWrite.All"}), "");
  EXPECT_EQ(quarantine.missing_permissions({"Machine.StopAndQuarantine"}),
            "one of Machine.Read.All, Machine.ReadWrite.All");
  EXPECT_EQ(quarantine.missing_permissions({"Machine.Read.All"}), "Machine.StopAndQuarantine");
  EXPECT_EQ(operation("cancel_action").missing_permissions({"Machine.Scan"}), "");
}

TEST(Operation, MatchesActionsByTheParametersThatCount) {
  const Operation &quarantine = operation("stop_and_quarantine");
  const Json request = {{"machine_id", kMachine}, {"sha1", kSha1}, {"comment", "c"}};
  MachineAction action;
  EXPECT_FALSE(same_parameters(quarantine, request, action)) << "an action that does not tell proves nothing";
  EXPECT_FALSE(contradicts(quarantine, request, action));
  action.file_identifier = kSha1;
  EXPECT_TRUE(same_parameters(quarantine, request, action));
  action.file_identifier = std::string(40, '0');
  EXPECT_FALSE(same_parameters(quarantine, request, action));
  EXPECT_TRUE(contradicts(quarantine, request, action));
  EXPECT_TRUE(same_parameters(operation("restrict_code_execution"), request, action)) << "it has no parameters";
}

TEST(Operation, AScopeForWhichTheServiceHasNoWordContradictsNothing) {
  const Operation &isolate = operation("isolate");
  MachineAction action;
  action.scope = "Full";
  EXPECT_FALSE(contradicts(isolate, {{"isolation_type", "UnManagedDevice"}}, action));
  EXPECT_FALSE(same_parameters(isolate, {{"isolation_type", "UnManagedDevice"}}, action))
      << "nor does it prove anything";
  EXPECT_TRUE(contradicts(isolate, {{"isolation_type", "Selective"}}, action));
}

}  // namespace
}  // namespace cordon::defender

#include "defender/service_error.hpp"

#include <gtest/gtest.h>

namespace cordon::defender {
namespace {

http::Response response(int status, std::string body) {
  http::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

std::string forbidden() {
  return R"({"error":{"code":"Forbidden","message":"no","target":"t-1"}})";
}

TEST(ServiceError, ADenialNamesThePermissionsThatWouldDo) {
  const CallContext context(Catalogue::instance().find("stop_and_quarantine"), "contoso");
  const Error error = classify_error(response(403, forbidden()), context);
  EXPECT_EQ(error.status, Status::PermissionDenied);
  EXPECT_NE(error.message.find("Machine.StopAndQuarantine and one of Machine.Read.All, Machine.ReadWrite.All"),
            std::string::npos)
      << error.message;
  EXPECT_NE(error.message.find("tenant contoso"), std::string::npos);
  EXPECT_EQ(error.service_correlation_id, "t-1");
  EXPECT_FALSE(error.retryable);
}

TEST(ServiceError, ADeniedUserLearnsOfRoleAndDeviceGroup) {
  CallContext context(Catalogue::instance().find("isolate"), "contoso");
  context.user_token = true;
  const Error error = classify_error(response(403, forbidden()), context);
  EXPECT_NE(error.message.find("Active remediation actions"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("device's group"), std::string::npos) << error.message;
}

TEST(ServiceError, TextsOfTheServiceAreNotEchoed) {
  const Error error = classify_error(
      response(400, R"({"error":{"code":"s3cret value\n","message":"Bearer s3cret","target":"a b"}})"), CallContext());
  EXPECT_EQ(error.message.find("s3cret"), std::string::npos);
  EXPECT_EQ(error.service_code, "");
  EXPECT_EQ(error.service_correlation_id, "");
}

TEST(ServiceError, AListOfPermissionsIsShownOnlyWhenItLooksLikeOne) {
  const auto message_for = [](const std::string &text) {
    const Json body = {{"error", {{"code", "Forbidden"}, {"message", text}}}};
    return classify_error(response(403, body.dump()), CallContext()).message;
  };
  EXPECT_NE(message_for("required application permissions (Machine.Scan) to").find("Machine.Scan"), std::string::npos);
  EXPECT_EQ(message_for("required permissions (<script>1</script>) to").find("script"), std::string::npos);
  EXPECT_EQ(message_for("required permissions (" + std::string(5000, 'a') + ")").find("aaaa"), std::string::npos);
}

TEST(ServiceError, ProgressIsRecognisedByCodeOrMessage) {
  const auto tells_of_progress = [](int status, const char *body) {
    return classify_error(response(status, body), CallContext()).status == Status::ActionInProgress;
  };
  EXPECT_TRUE(tells_of_progress(400, R"({"error":{"code":"ActiveRequestAlreadyExists","message":""}})"));
  EXPECT_TRUE(tells_of_progress(400, R"({"error":{"code":"X","message":"Action is already in progress"}})"));
  EXPECT_FALSE(tells_of_progress(400, R"({"error":{"code":"BadRequest","message":"no"}})"));
  EXPECT_FALSE(tells_of_progress(500, R"({"error":{"code":"ActiveRequestAlreadyExists"}})"));
}

}  // namespace
}  // namespace cordon::defender

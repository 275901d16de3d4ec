#include "e2e/host.hpp"

namespace cordon::test {
namespace {

class Refusal : public EmulatorTest {};

TEST_F(Refusal, ALinuxDeviceIsNotSupportedAndThePrerequisiteIsNamed) {
  const auto host = open();
  const Reply reply = host->restrict_device(cast("linux"));
  EXPECT_EQ(reply.status, CORDON_E_DEVICE_NOT_SUPPORTED) << reply.message();
  EXPECT_NE(reply.message().find("Windows"), std::string::npos) << reply.message();
  EXPECT_EQ(host->poll(reply.request_id(), 0).status, CORDON_ACTION_REJECTED);
}

TEST_F(Refusal, AFileThatTheDeviceNeverHeldIsNotFound) {
  const auto host = open();
  EXPECT_EQ(host->quarantine(machine(), std::string(40, 'a')).status, CORDON_E_NOT_FOUND);
}

TEST_F(Refusal, AnUnknownDeviceIsNotFound) {
  const auto host = open();
  EXPECT_EQ(host->restrict_device(std::string(40, 'a')).status, CORDON_E_NOT_FOUND);
}

TEST_F(Refusal, AWrongSecretSaysSoAndWhatToDo) {
  const auto host = std::make_unique<Host>(config);
  ASSERT_EQ(host->set_secret("emulator-app", "wrong").status, CORDON_OK);
  const Reply reply = host->restrict_device(machine());
  EXPECT_EQ(reply.status, CORDON_E_UNAUTHENTICATED) << reply.message();
  EXPECT_NE(reply.message().find("secret"), std::string::npos) << reply.message();
  EXPECT_EQ(emulator.posts(), 0);
}

TEST_F(Refusal, AMissingSecretNamesIt) {
  const auto host = std::make_unique<Host>(config);
  const Reply reply = host->restrict_device(machine());
  EXPECT_EQ(reply.status, CORDON_E_NOT_FOUND) << reply.message();
  EXPECT_NE(reply.message().find("emulator-app"), std::string::npos) << reply.message();
}

TEST_F(Refusal, AnUnknownTenantSaysWhatMayBeWrong) {
  config["tenants"]["contoso"]["tenant_id"] = "99999999-9999-4999-8999-999999999999";
  const auto host = open();
  const Reply reply = host->restrict_device(machine());
  EXPECT_EQ(reply.status, CORDON_E_UNAUTHENTICATED) << reply.message();
  EXPECT_NE(reply.message().find("tenant"), std::string::npos) << reply.message();
}

TEST_F(Refusal, AThrottledCallWaitsIfItsDeadlineAllows) {
  const auto host = open();
  emulator.arm_fault(
      {{"endpoint", "POST /api/machines/{id}/restrictCodeExecution"}, {"kind", "throttle"}, {"times", 1}});
  EXPECT_EQ(host->restrict_device(machine(), "c", nullptr, 90'000).status, CORDON_PENDING);
  EXPECT_EQ(emulator.actions().size(), 1u);
}

TEST_F(Refusal, AThrottledCallWithoutTimeIsToldWhenToComeAgain) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(1)).status, CORDON_PENDING) << "so that token and connection are there";
  emulator.arm_fault(
      {{"endpoint", "POST /api/machines/{id}/restrictCodeExecution"}, {"kind", "throttle"}, {"times", 1}});
  const Reply reply = host->restrict_device(machine(), "c", nullptr, 1'000);
  EXPECT_EQ(reply.status, CORDON_E_RATE_LIMITED) << ::testing::PrintToString(reply);
  EXPECT_GT(int_or(reply.error, "retry_after_ms", -1), 0);
  EXPECT_EQ(host->poll(reply.request_id(), 0).status, CORDON_NOT_SENT);
  EXPECT_EQ(emulator.actions().size(), 1u);
}

TEST_F(Refusal, TheOwnQuotaKeepsTheServiceFromSaying429) {
  config["quota"] = "3/60s";
  const auto host = open();
  for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(host->restrict_device(machine(i)).status, CORDON_PENDING);
  const Reply fourth = host->restrict_device(machine(3), "c", nullptr, 2'000);
  EXPECT_EQ(fourth.status, CORDON_E_RATE_LIMITED) << ::testing::PrintToString(fourth);
  EXPECT_EQ(emulator.posts(), 3);
}

TEST(MissingPermission, NamesThePermissionsThatWouldDo) {
  const TempDirectory directory;
  const std::string scenario = (directory.path() / "scenario.json").string();
  std::ofstream(scenario) << Json{
      {"apps", Json::array({{{"name", "reader"}, {"roles", Json::array({"Machine.Read.All"})}}})}};
  EmulatorProcess emulator({"--speed", "60", "--scenario", scenario});
  Json config = emulator.ready()["config"];
  config["vault"] = {{"file", nullptr}};
  Host host(config);
  const std::string secret_name = config["tenants"]["contoso"]["credential"]["secret_name"];
  ASSERT_EQ(host.set_secret(secret_name, emulator.ready()["client_secret"]).status, CORDON_OK);
  const Reply reply = host.restrict_device(emulator.ready()["machines"][0]);
  EXPECT_EQ(reply.status, CORDON_E_PERMISSION_DENIED) << ::testing::PrintToString(reply);
  EXPECT_NE(reply.message().find("Machine.RestrictExecution"), std::string::npos) << reply.message();
}

}  // namespace
}  // namespace cordon::test

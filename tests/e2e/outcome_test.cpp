#include "e2e/host.hpp"

namespace cordon::test {
namespace {

/// A POST whose end is not a plain yes: found by the look-up or reported as unknown, and one on the wire in any case.
class Outcome : public EmulatorTest {
 protected:
  void arm(const char *kind, int times = 1) {
    emulator.arm_fault(
        {{"endpoint", "POST /api/machines/{id}/restrictCodeExecution"}, {"kind", kind}, {"times", times}});
  }
  /// Found by the look-up; the device may have finished meanwhile.
  static bool is_found(const Reply &reply) { return reply.status == CORDON_PENDING || reply.status == CORDON_OK; }
  void expect_one_post() { EXPECT_EQ(emulator.post_count("restrictCodeExecution"), 1); }
};

TEST_F(Outcome, AConnectionLostAfterTheActionWasMadeIsFoundByTheLookUp) {
  const auto host = open();
  arm("drop_after");
  const Reply found = host->restrict_device(machine(), "c", {{"until", "finished"}});
  EXPECT_EQ(found.status, CORDON_OK) << ::testing::PrintToString(found);
  EXPECT_EQ(found.document["adopted"], false) << "it carries our mark";
  expect_one_post();
}

TEST_F(Outcome, AConnectionLostBeforeTheActionWasMadeStaysUnknown) {
  const auto host = open();
  arm("drop_before");
  const Reply unknown = host->restrict_device(machine());
  EXPECT_EQ(unknown.status, CORDON_E_OUTCOME_UNKNOWN) << ::testing::PrintToString(unknown);
  EXPECT_EQ(unknown.error["outcome_unknown"], true);
  EXPECT_EQ(unknown.error["retryable"], false);
  EXPECT_EQ(host->poll(unknown.request_id(), 0).status, CORDON_E_OUTCOME_UNKNOWN);
  const Reply listed = host->call("list_requests", {{"filter", {{"state", "unknown"}}}});
  EXPECT_EQ(listed.document["requests"].size(), 1u);
  expect_one_post();
}

TEST_F(Outcome, ACallThatEndsBeforeTheLookUpSaysThatItDoesNotKnow) {
  config["reconcile"]["settle_ms"] = 30'000;  // a first look comes after a tenth of it
  const auto host = open();
  arm("drop_after");
  const Reply unknown = host->restrict_device(machine(), "c", nullptr, 1000);
  EXPECT_EQ(unknown.status, CORDON_E_OUTCOME_UNKNOWN) << ::testing::PrintToString(unknown);
  EXPECT_EQ(host->poll(unknown.request_id()).status, CORDON_OK) << "Cordon goes on looking";
  expect_one_post();
}

TEST_F(Outcome, AServerErrorAfterTheActionWasMadeIsFoundByTheLookUp) {
  const auto host = open();
  arm("error_after");
  const Reply reply = host->restrict_device(machine());
  EXPECT_TRUE(is_found(reply)) << ::testing::PrintToString(reply);
  expect_one_post();
}

TEST_F(Outcome, AServerErrorBeforeTheActionWasMadeStaysUnknown) {
  const auto host = open();
  arm("error_before");
  EXPECT_EQ(host->restrict_device(machine()).status, CORDON_E_OUTCOME_UNKNOWN);
  expect_one_post();
}

TEST_F(Outcome, AnAnswerThatIsNotJsonIsFoundOrUnknown) {
  const auto host = open();
  arm("garbage");
  const Reply reply = host->restrict_device(machine());
  EXPECT_TRUE(is_found(reply) || reply.status == CORDON_E_OUTCOME_UNKNOWN) << ::testing::PrintToString(reply);
  EXPECT_EQ(is_found(reply), emulator.actions().size() == 1);
  expect_one_post();
}

TEST_F(Outcome, AGatewayPageIsNotAnAnswer) {
  const auto host = open();
  arm("html");
  const Reply reply = host->restrict_device(machine());
  EXPECT_TRUE(is_found(reply) || reply.status == CORDON_E_OUTCOME_UNKNOWN) << ::testing::PrintToString(reply);
  EXPECT_EQ(is_found(reply), emulator.actions().size() == 1);
  expect_one_post();
}

TEST_F(Outcome, AnAnswerAboutAnotherMachineIsNotBelieved) {
  const auto host = open();
  arm("wrong_machine");
  const Reply reply = host->restrict_device(machine());
  ASSERT_TRUE(is_found(reply)) << ::testing::PrintToString(reply);
  EXPECT_EQ(reply.document["machine_id"], machine());
  expect_one_post();
}

TEST_F(Outcome, ATokenThatExpiresIsReplacedOnce) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(0)).status, CORDON_PENDING);
  arm("expire_token");
  EXPECT_EQ(host->restrict_device(machine(1)).status, CORDON_PENDING);
  EXPECT_EQ(emulator.post_count("oauth2"), 2);
}

}  // namespace
}  // namespace cordon::test

#include "e2e/host.hpp"
#include "support/eventually.hpp"

namespace cordon::test {
namespace {

/// Requests wait for the quota while the token they will carry comes to its end.
class QuotaLine : public EmulatorTest {
 protected:
  QuotaLine() : EmulatorTest({"--speed", "60", "--machines", "80", "--quota", "20/60s"}) { config["quota"] = "20/1s"; }
};

TEST_F(QuotaLine, TokensThatAreRefusedAgainAndAgainEndNoRequestThatWaits) {
  constexpr std::size_t kCount = 80;
  const auto host = open();
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < kCount; ++i)
    ids.push_back(host->submit("restrict_code_execution", {{"machine_id", machine(i)}, {"comment", "c"}}).text);
  for (const long posts : {10, 40, 70}) {
    EXPECT_TRUE(eventually([&] { return emulator.posts() >= posts; }));
    emulator.arm_fault({{"endpoint", "POST /api/machines/{id}/restrictCodeExecution"}, {"kind", "expire_token"}});
  }
  for (const std::string &id : ids) {
    const Reply end = host->poll(id, 60'000);
    EXPECT_EQ(end.status, CORDON_OK) << ::testing::PrintToString(end);
  }
  EXPECT_EQ(emulator.actions().size(), kCount);
  // Those under way with the token that died, and no others, are answered 401.
  EXPECT_LE(emulator.posts(), static_cast<long>(kCount) + 3 * 20);
}

}  // namespace
}  // namespace cordon::test

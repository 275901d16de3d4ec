#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "e2e/tenants_fixture.hpp"
#include "support/eventually.hpp"

namespace cordon::test {
namespace {

constexpr std::size_t kTenants = 300, kThreads = 50;
constexpr int kLeastRounds = 2, kMostRounds = 200;

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (std::size_t i = 0; i <= kTenants; ++i) out.push_back("t" + std::to_string(1000 + i));  // the last comes later
  return out;
}

/// A provider's client: hundreds of tenants in one process, while they come, change and break.
class TenantsCrowd : public TenantsTest {
 protected:
  TenantsCrowd() : TenantsTest(names(), 3) {}
  static bool accepted(const Reply &reply) { return reply.status == CORDON_OK || reply.status == CORDON_PENDING; }
  static Reply act(Host &host, std::size_t tenant, std::size_t round) {
    return host.restrict_device(device(tenant, round % 3), "c", {{"tenant", names()[tenant]}}, 60'000);
  }
  /// A thread's tenants, one action each.
  void work(Host &host, std::size_t thread, int round) {
    for (std::size_t tenant = thread; tenant < kTenants; tenant += kThreads) {
      const Reply reply = act(host, tenant, static_cast<std::size_t>(round));
      ++done_;
      if (accepted(reply)) continue;
      const std::lock_guard lock(mutex_);
      failures_[names()[tenant]].push_back(cordon_status_name(reply.status) + (": " + reply.message()));
    }
  }
  void let_work_go_on() {
    const int before = done_;
    EXPECT_TRUE(eventually([&] { return done_ >= before + static_cast<int>(kThreads); }));
  }

  std::atomic<int> done_{0};
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> failures_;  ///< by tenant
};

TEST_F(TenantsCrowd, OneIsAddedOneRotatedOneBrokenWhileFiftyThreadsWork) {
  const std::string added = names()[kTenants], rotated = names()[1], broken = names()[2];
  drop(added);
  const auto host = open_with_secrets();
  std::atomic<bool> enough{false};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < kLeastRounds || (!enough && round < kMostRounds); ++round) work(*host, i, round);
    });

  let_work_go_on();
  put(added);
  EXPECT_EQ(host->reload(config).status, CORDON_OK);
  EXPECT_TRUE(accepted(act(*host, kTenants, 0)));
  let_work_go_on();
  accept_at_service(rotated, {"the next secret", secret_of(rotated)});
  EXPECT_EQ(host->set_secret(tenants[rotated]["credential"]["secret_name"], "the next secret").status, CORDON_OK);
  let_work_go_on();
  accept_at_service(rotated, {"the next secret"});
  let_work_go_on();
  put(broken, {{"tenant_id", 7}});
  const Reply reloaded = host->reload(config);
  EXPECT_EQ(reloaded.status, CORDON_E_INVALID_STATE);
  EXPECT_EQ(reloaded.pointer(), place(broken) + "/tenant_id");
  let_work_go_on();
  enough = true;
  for (std::thread &thread : threads) thread.join();

  const std::vector<std::string> of_the_broken = failures_[broken];
  failures_.erase(broken);
  for (const auto &[tenant, texts] : failures_) ADD_FAILURE() << tenant << ": " << texts.front();
  EXPECT_GE(done_, static_cast<int>(kTenants) * kLeastRounds);
  const Reply refused = act(*host, 2, 0);
  EXPECT_EQ(refused.status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(refused.pointer(), place(broken) + "/tenant_id");
  const Json health = host->call("health").document["tenants"];
  EXPECT_EQ(health.size(), kTenants + 1);
  for (const auto &[tenant, one] : health.items()) EXPECT_EQ(one["ok"], tenant != broken) << tenant << one;

  // The rotated one earns its next token by the next secret, which is the only one left.
  emulator.arm_fault({{"endpoint", "POST /api/machines/{id}/isolate"}, {"kind", "expire_token"}});
  const Reply isolated = host->call(
      "isolate",
      {{"machine_id", device(1, 0)}, {"comment", "c"}, {"isolation_type", "Full"}, {"options", {{"tenant", rotated}}}});
  EXPECT_TRUE(accepted(isolated)) << ::testing::PrintToString(isolated);
  RecordProperty("actions", done_);
}

}  // namespace
}  // namespace cordon::test

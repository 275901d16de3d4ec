#include <sys/wait.h>

#include "e2e/host.hpp"
#include "support/sanitized.hpp"
#include "support/syscall_killer.hpp"

namespace cordon::test {
namespace {

/// A host is killed at each system call of a change of its vault, the ledger's part included. Vault and ledger must
/// open together afterwards. One round begins where the last one was killed.
class VaultKill : public ::testing::Test {
 protected:
  VaultKill() {
    chmod(directory.path().c_str(), 0700);
    write("vault.key", std::string(32, 'k'));
    config = {{"state_dir", path("state")},
              {"vault", {{"file", path("vault")}, {"unlock", {{{"key_file", path("vault.key")}}}}}},
              {"recover", false}};
    write("config.json", config.dump());
  }
  std::string path(const std::string &name) const { return (directory.path() / name).string(); }
  void write(const std::string &name, const std::string &text) {
    std::ofstream(path(name)) << text;
    chmod(path(name).c_str(), 0600);
  }

  void kill_everywhere(const std::string &action) {
    {
      Host host(config);
      ASSERT_EQ(host.set_secret("app", "0").status, CORDON_OK);
    }
    constexpr std::size_t kStride = kSanitized ? 7 : 1;  // a sanitizer's programs take long to start
    for (std::size_t nth = 1;; nth += kStride) {
      const Traced traced = kill_at_syscall(
          {VAULT_WORKER_BINARY, path("config.json"), "app", std::to_string(nth), path("done"), "once", action}, nth);
      if (traced.ended == Ended::CouldNotTrace) GTEST_SKIP() << "processes can't be traced here";
      Host host(config);
      ASSERT_EQ(host.opened().status, CORDON_OK) << "killed at " << nth << ": " << host.opened().message();
      const Reply check = host.call("ledger_check");
      ASSERT_EQ(check.status, CORDON_OK) << "killed at " << nth << ": " << PrintToString(check);
      ASSERT_EQ(check.document["intact"], true) << "killed at " << nth << ": " << check.text;
      const Json health = host.call("health").document;
      ASSERT_EQ(health["vault"]["state"], "unlocked") << nth;
      ASSERT_EQ(health["ledger"]["has_key"], true) << nth;
      if (traced.ended == Ended::ByItself) {
        EXPECT_TRUE(WIFEXITED(traced.exit_status) && WEXITSTATUS(traced.exit_status) == 0) << traced.exit_status;
        EXPECT_GT(nth, 50u) << "or the ledger was not stepped through";
        break;
      }
    }
  }

  static std::string PrintToString(const Reply &reply) { return ::testing::PrintToString(reply); }
  TempDirectory directory;
  Json config;
};

TEST_F(VaultKill, AnywhereInARotationVaultAndLedgerStillOpenTogether) {
  kill_everywhere("rotate");
}

}  // namespace
}  // namespace cordon::test

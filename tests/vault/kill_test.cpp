#include <gtest/gtest.h>
#include <sys/wait.h>

#include "support/syscall_killer.hpp"
#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

using test::Ended;

/// A process that changes the vault is killed at each of its system calls in turn; whatever was reached, the file is
/// the old or the new one, whole, and the next change works.
class KilledSave : public VaultTest {
 protected:
  void kill_everywhere(const std::string &action) {
    make_vault();
    const std::string before = read_all(path_);
    write_all(next_key_, kNextKey, 0400);
    bool seen_old = false, seen_new = false;
    for (std::size_t nth = 1;; ++nth) {
      write_all(path_, before);
      std::filesystem::remove(path_ + ".tmp");
      const auto traced = test::kill_at_syscall({VAULT_SAVER_BINARY, directory_, action, "new"}, nth);
      if (traced.ended == Ended::CouldNotTrace) GTEST_SKIP() << "processes can't be traced here";
      const bool finished = traced.ended == Ended::ByItself;
      if (finished) {
        ASSERT_TRUE(WIFEXITED(traced.exit_status) && WEXITSTATUS(traced.exit_status) == 0) << traced.exit_status;
        ASSERT_GT(nth, 10u) << "or nothing was stepped through";
      }
      const bool changed = read_all(path_) != before;
      (changed ? seen_new : seen_old) = true;
      ASSERT_NO_FATAL_FAILURE(expect_whole(action, changed)) << "killed at system call " << nth;
      if (finished) break;
    }
    EXPECT_TRUE(seen_old);
    EXPECT_TRUE(seen_new);
  }

  void expect_whole(const std::string &action, bool changed) {
    Settings with = settings();
    if (action == "change-key" && changed) with.unlock = {KeySource::key_file(next_key_)};
    auto vault = open(with);
    ASSERT_NE(vault, nullptr);
    ASSERT_EQ(vault->generation(), changed ? 2u : 1u);
    ASSERT_EQ(vault->get("app")->reveal(), changed && action == "set" ? "new" : "s3cret");
    ASSERT_EQ(vault->wrapping_keys("x")->size(), changed && action == "rotate" ? 2u : 1u);
    const auto next = vault->set("after", Secret("x"));
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
  }

  static constexpr std::string_view kNextKey = "next-key-next-key-next-key-next!";
  const std::string next_key_ = directory_ + "/next.key";
};

TEST_F(KilledSave, OfASecretLeavesTheOldOrTheNewFile) {
  kill_everywhere("set");
}

TEST_F(KilledSave, OfARotationLeavesTheOldOrTheNewFile) {
  kill_everywhere("rotate");
}

TEST_F(KilledSave, OfAChangedKeyLeavesTheOldOrTheNewFile) {
  kill_everywhere("change-key");
}

}  // namespace
}  // namespace cordon::vault

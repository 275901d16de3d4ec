#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "ledger_fixture.hpp"

namespace cordon::ledger::test {
namespace {

using ::testing::HasSubstr;

Secret key(char c) {
  return Secret(std::string(32, c));
}

class LedgerKeyTest : public LedgerTest {
 protected:
  void SetUp() override { open_without_key(); }
  void reopen() {
    close();
    open_without_key();
  }
  std::string key_file() const { return directory_.state_dir() + "/ledger.key"; }
};

TEST_F(LedgerKeyTest, WithoutItReadsWorkAndAppendsSayThatTheVaultIsLocked) {
  EXPECT_TRUE(events().empty());
  const auto appended = append("x");
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().status, Status::VaultLocked);
  EXPECT_THAT(appended.error().message, HasSubstr("unlock the vault"));
  EXPECT_EQ(ledger_->verify_blocking().error().status, Status::VaultLocked);
  EXPECT_EQ(ledger_->seal("c", Secret("s")).error().status, Status::VaultLocked);
}

TEST_F(LedgerKeyTest, TheSameWrappingKeyOpensTheLedgerAgainAndNoOtherDoes) {
  ASSERT_TRUE(ledger_->use_key(key('k'), "vault-1"));
  const auto sealed = ledger_->seal("c", Secret("s"));
  ASSERT_TRUE(sealed);
  ASSERT_EQ(append("x"), 1);
  reopen();
  EXPECT_EQ(ledger_->use_key(key('j'), "vault-1").error().status, Status::VaultWrongKey);
  EXPECT_FALSE(ledger_->has_key());
  EXPECT_EQ(ledger_->use_key(key('k'), "vault-2").error().status, Status::VaultWrongKey);
  EXPECT_EQ(ledger_->use_key(std::nullopt, "").error().status, Status::VaultLocked);
  ASSERT_TRUE(ledger_->use_key(key('k'), "vault-1"));
  EXPECT_EQ(ledger_->open_sealed("c", *sealed)->reveal(), "s");
  EXPECT_TRUE(ledger_->verify_blocking()->intact());
  EXPECT_FALSE(ledger_->key_is_in_file());
}

TEST_F(LedgerKeyTest, ARotationAddsTheNewWrapAndDropsTheOldOneButNeverTheLast) {
  ASSERT_TRUE(ledger_->use_key(key('k'), "vault-1"));
  ASSERT_TRUE(ledger_->add_wrap(key('n'), "vault-2"));
  ASSERT_TRUE(ledger_->drop_wrap("vault-1"));
  EXPECT_EQ(ledger_->drop_wrap("vault-2").error().status, Status::InvalidState);
  reopen();
  EXPECT_FALSE(ledger_->use_key(key('k'), "vault-1"));
  EXPECT_TRUE(ledger_->use_key(key('n'), "vault-2"));
}

TEST_F(LedgerKeyTest, WithoutAVaultItLiesInAFileForTheOwnerAloneAndIsReportedWeak) {
  ASSERT_TRUE(ledger_->use_key(std::nullopt, ""));
  EXPECT_TRUE(ledger_->key_is_in_file());
  struct stat status {};
  ASSERT_EQ(::stat(key_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(append("x"), 1);
  reopen();
  ASSERT_TRUE(ledger_->use_key(std::nullopt, ""));
  EXPECT_EQ(append("y"), 3);
}

TEST_F(LedgerKeyTest, AMissingOpenOrTruncatedKeyFileIsRefusedWithItsName) {
  ASSERT_TRUE(ledger_->use_key(std::nullopt, ""));
  reopen();
  ::chmod(key_file().c_str(), 0640);
  const auto open_to_others = ledger_->use_key(std::nullopt, "");
  ASSERT_FALSE(open_to_others);
  EXPECT_THAT(open_to_others.error().message, HasSubstr(key_file()));
  ::chmod(key_file().c_str(), 0600);
  std::filesystem::rename(key_file(), key_file() + ".away");
  const auto missing = ledger_->use_key(std::nullopt, "");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, Status::Ledger);
  EXPECT_THAT(missing.error().message, HasSubstr("ledger.key is missing"));
  std::ofstream(key_file()) << "short";
  ::chmod(key_file().c_str(), 0600);
  EXPECT_EQ(ledger_->use_key(std::nullopt, "").error().status, Status::Ledger);
  std::filesystem::rename(key_file() + ".away", key_file());
  EXPECT_TRUE(ledger_->use_key(std::nullopt, ""));
}

TEST_F(LedgerKeyTest, AVaultThatComesLaterTakesTheKeyOutOfTheFile) {
  ASSERT_TRUE(ledger_->use_key(std::nullopt, ""));
  ASSERT_EQ(append("x"), 1);
  reopen();
  ASSERT_TRUE(ledger_->use_key(key('k'), "vault-1"));
  EXPECT_FALSE(ledger_->key_is_in_file());
  EXPECT_FALSE(std::filesystem::exists(key_file()));
  EXPECT_TRUE(ledger_->verify_blocking()->intact());
  reopen();
  EXPECT_EQ(ledger_->use_key(std::nullopt, "").error().status, Status::VaultLocked);
  EXPECT_TRUE(ledger_->use_key(key('k'), "vault-1"));
}

}  // namespace
}  // namespace cordon::ledger::test

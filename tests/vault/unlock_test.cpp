#include <gmock/gmock.h>
#include <unistd.h>

#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

using testing::HasSubstr;

TEST_F(VaultTest, Unlock_ByPassphraseMakesAndOpensAVault) {
  auto vault = open(without_sources());
  ASSERT_TRUE(vault->unlock("passphrase", Secret("correct horse")));
  ASSERT_TRUE(vault->set("app", Secret("s3cret")));
  EXPECT_EQ(vault->status()["slots"][0]["kind"], "argon2id");

  auto again = open(without_sources());
  EXPECT_EQ(status_of(again->get("app")), Status::VaultLocked);
  EXPECT_EQ(status_of(again->unlock("passphrase", Secret("wrong horse"))), Status::VaultWrongKey);
  EXPECT_EQ(status_of(again->unlock("key", Secret(kKey))), Status::VaultWrongKey);
  EXPECT_FALSE(again->unlocked());
  ASSERT_TRUE(again->unlock("passphrase", Secret("correct horse")));
  EXPECT_EQ(again->get("app")->reveal(), "s3cret");
  EXPECT_EQ(status_of(again->unlock("passphrase", Secret("wrong horse"))), Status::VaultWrongKey);
  EXPECT_EQ(again->get("app")->reveal(), "s3cret") << "what was open stays open";
  ASSERT_TRUE(again->set("b", Secret("c")));
  EXPECT_EQ(again->get("b")->reveal(), "c");
}

TEST_F(VaultTest, Get_AfterAChangeThatTheUnlockingSecretDoesNotFitAsksForItAgain) {
  make_vault();
  auto vault = open(without_sources());
  ASSERT_TRUE(vault->unlock("key", Secret(kKey)));
  unlink(path_.c_str());
  write_all(key_path_, std::string(32, 'k'), 0600);
  make_vault();
  const auto secret = vault->get("app");
  ASSERT_EQ(status_of(secret), Status::VaultLocked);
  EXPECT_THAT(secret.error().message, HasSubstr("no longer fits"));
  EXPECT_FALSE(vault->unlocked());
  ASSERT_TRUE(vault->unlock("key", Secret(std::string(32, 'k'))));
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
}

TEST_F(VaultTest, Unlock_ByKeyTakesBytesOrHex) {
  make_vault();
  auto vault = open(without_sources());
  EXPECT_EQ(status_of(vault->unlock("key", Secret("short"))), Status::InvalidArgument);
  ASSERT_TRUE(vault->unlock("key", Secret("303132333435363738396162636465666768696a6b6c6d6e6f70717273747576")));
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
}

TEST_F(VaultTest, Unlock_RememberedForTheFirstSaveAlsoOpensAFileThatAnotherProcessMade) {
  auto vault = open(without_sources());
  ASSERT_TRUE(vault->unlock("key", Secret(kKey)));
  make_vault();
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
}

TEST_F(VaultTest, FirstSaveMakesASlotForEveryKeyAtHand) {
  auto vault = open();
  ASSERT_TRUE(vault->unlock("passphrase", Secret("one")));
  ASSERT_TRUE(vault->unlock("passphrase", Secret("two")));
  ASSERT_TRUE(vault->unlock("key", Secret(std::string(32, 'k'))));
  ASSERT_TRUE(vault->set("app", Secret("s3cret")));
  EXPECT_EQ(vault->status()["slots"].size(), 3u);
  EXPECT_TRUE(open());
  auto other = open(without_sources());
  EXPECT_EQ(status_of(other->unlock("passphrase", Secret("one"))), Status::VaultWrongKey) << "the last one counts";
  EXPECT_TRUE(other->unlock("passphrase", Secret("two")));
  EXPECT_TRUE(open(without_sources())->unlock("key", Secret(std::string(32, 'k'))));
}

TEST_F(VaultTest, Unlock_ChecksItsArguments) {
  auto vault = open();
  EXPECT_EQ(status_of(vault->unlock("pin", Secret("1234"))), Status::InvalidArgument);
  EXPECT_EQ(status_of(vault->unlock("passphrase", Secret())), Status::InvalidArgument);
  EXPECT_EQ(status_of(vault->unlock("passphrase", Secret(std::string(4097, 'x')))), Status::InvalidArgument);
}

TEST_F(VaultTest, WrappingKeys_AreOnePerUseAndOutliveTheProcess) {
  make_vault();
  auto vault = open();
  const auto keys = vault->wrapping_keys("ledger key");
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1u);
  const auto &[name, key] = keys->front();
  EXPECT_EQ(key.size(), 32u);
  EXPECT_THAT(name, testing::MatchesRegex(vault->vault_id() + "/[0-9a-f]+"));
  const auto again = open()->wrapping_keys("ledger key");
  EXPECT_EQ(again->front().name, name);
  EXPECT_TRUE(again->front().key.equals(key));
  const auto other = vault->wrapping_keys("another use");
  EXPECT_NE(other->front().name, name);
  EXPECT_FALSE(other->front().key.equals(key));
  ASSERT_TRUE(vault->set("x", Secret("y")));
  EXPECT_TRUE(vault->wrapping_keys("ledger key")->front().key.equals(key));
}

TEST_F(VaultTest, WrappingKeys_NeedAnOpenFile) {
  EXPECT_EQ(status_of(open()->wrapping_keys("ledger key")), Status::VaultLocked);
  Settings memory;
  EXPECT_EQ(status_of(open(memory)->wrapping_keys("ledger key")), Status::InvalidState);
  EXPECT_FALSE(open(memory)->durable());
}

}  // namespace
}  // namespace cordon::vault

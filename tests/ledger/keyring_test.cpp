#include "ledger/keyring.hpp"

#include <gtest/gtest.h>

namespace cordon::ledger {
namespace {

Secret key(char c) {
  return Secret(std::string(32, c));
}

class KeyringTest : public ::testing::Test {
 protected:
  SystemRandom random_;
};

TEST_F(KeyringTest, AWrapOpensOnlyWithItsKeyItsLedgerItsNameAndItsKeyId) {
  auto wrap = wrap_key(key('l'), 1, key('w'), "vault-1", "ledger-1", random_);
  ASSERT_TRUE(wrap);
  ASSERT_TRUE(unwrap_key(*wrap, key('w'), "ledger-1"));
  EXPECT_TRUE(unwrap_key(*wrap, key('w'), "ledger-1")->equals(key('l')));
  EXPECT_EQ(unwrap_key(*wrap, key('x'), "ledger-1").error().status, Status::VaultWrongKey);
  EXPECT_FALSE(unwrap_key(*wrap, key('w'), "ledger-2"));
  EXPECT_FALSE(unwrap_key(KeyWrap(2, wrap->name, wrap->sealed), key('w'), "ledger-1"));
  EXPECT_FALSE(unwrap_key(KeyWrap(1, "vault-2", wrap->sealed), key('w'), "ledger-1"));
  EXPECT_FALSE(unwrap_key(KeyWrap(1, "vault-1", ""), key('w'), "ledger-1"));
  EXPECT_FALSE(wrap_key(key('l'), 1, Secret("short"), "vault-1", "ledger-1", random_));
}

TEST_F(KeyringTest, WhatWasSealedOpensOnlyUnderItsContextAndUnchanged) {
  Keyring keyring;
  EXPECT_EQ(keyring.seal("token", Secret("s"), random_).error().status, Status::VaultLocked);
  EXPECT_EQ(keyring.open("token", "x").error().status, Status::VaultLocked);
  keyring.set(1, key('l'), false);
  const auto sealed = keyring.seal("token", Secret("the token"), random_);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->find("the token"), std::string::npos);
  EXPECT_EQ(keyring.open("token", *sealed)->reveal(), "the token");
  EXPECT_FALSE(keyring.open("other", *sealed));
  EXPECT_FALSE(keyring.open("token", ""));
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    std::string changed = *sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(keyring.open("token", changed)) << i;
  }
}

TEST_F(KeyringTest, TheMacTellsWhereOneFieldEndsAndTheNextBegins) {
  Keyring keyring;
  keyring.set(1, key('l'), false);
  const std::string previous(32, '\0');
  const auto mac = [&](std::string_view a, std::string_view b) {
    return keyring.mac(previous).field(a).field(b).finish();
  };
  EXPECT_EQ(mac("ab", "c"), mac("ab", "c"));
  EXPECT_NE(mac("ab", "c"), mac("a", "bc"));
  EXPECT_NE(mac("", "abc"), mac("abc", ""));
  Keyring other;
  other.set(1, key('m'), false);
  EXPECT_NE(mac("ab", "c"), other.mac(previous).field("ab").field("c").finish());
}

}  // namespace
}  // namespace cordon::ledger

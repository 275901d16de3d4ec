#include "vault/rekey.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "vault/format.hpp"
#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

using testing::HasSubstr;

class Rekey : public VaultTest {
 protected:
  Result<RekeyReport> rekey(Vault &vault, const Json &options, std::string_view secret = {}) {
    auto request = RekeyRequest::from_json(options);
    if (!request) return fail(std::move(request.error()));
    if (request->kind == Credential::Kind::Passphrase && !request->cost) request->cost = PassphraseCost{1, 65536};
    return vault.rekey(*request, Secret(secret), milliseconds(10'000));
  }
  /// "app" as a client without any source reads it by this credential.
  std::string read_with(std::string_view kind, std::string_view secret) {
    auto vault = open(without_sources());
    if (auto unlocked = vault->unlock(kind, Secret(secret)); !unlocked) return status_name(unlocked.error().status);
    return std::string(vault->get("app")->reveal());
  }
  std::string slot_of(Vault &vault, const char *kind) {
    const Json slots = vault.status()["slots"];
    for (const Json &slot : slots)
      if (slot["kind"] == kind) return slot["id"];
    return "";
  }
  std::string first_wrapping_key(Vault &vault) { return vault.wrapping_keys("ledger key")->front().name; }

  const std::string other_key_ = std::string(32, 'o');
};

TEST_F(Rekey, AddSlot_GivesASecondWayIn) {
  make_vault();
  auto vault = open();
  const auto report = rekey(*vault, {{"action", "add_slot"}, {"kind", "passphrase"}}, "correct horse");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->change, "slot_added");
  EXPECT_EQ(report->slot, slot_of(*vault, "argon2id"));
  EXPECT_EQ(vault->generation(), 2u);
  EXPECT_EQ(read_with("passphrase", "correct horse"), "s3cret");
  EXPECT_EQ(read_with("key", kKey), "s3cret");
}

TEST_F(Rekey, AddSlot_BeyondSixteenIsRefused) {
  make_vault();
  auto vault = open();
  for (int i = 1; i < 16; ++i)
    ASSERT_TRUE(rekey(*vault, {{"action", "add_slot"}, {"kind", "key"}}, std::string(32, static_cast<char>('A' + i))));
  const std::string before = read_all(path_);
  EXPECT_EQ(status_of(rekey(*vault, {{"action", "add_slot"}, {"kind", "key"}}, other_key_)), Status::InvalidState);
  EXPECT_EQ(read_all(path_), before);
}

TEST_F(Rekey, RemoveSlot_TakesAWayOutButNeverTheLast) {
  make_vault();
  auto vault = open();
  const std::string first = slot_of(*vault, "keyfile");
  const auto last = rekey(*vault, {{"action", "remove_slot"}, {"slot", first}});
  ASSERT_EQ(status_of(last), Status::InvalidState);
  EXPECT_EQ(last.error().pointer, "/slot");
  ASSERT_TRUE(rekey(*vault, {{"action", "add_slot"}, {"kind", "key"}}, other_key_));
  EXPECT_EQ(status_of(rekey(*vault, {{"action", "remove_slot"}, {"slot", "nobody"}})), Status::NotFound);
  ASSERT_TRUE(rekey(*vault, {{"action", "remove_slot"}, {"slot", first}}));
  EXPECT_EQ(read_with("key", kKey), "CORDON_E_VAULT_WRONG_KEY");
  EXPECT_EQ(read_with("key", other_key_), "s3cret");
}

TEST_F(Rekey, ReplaceSlot_ChangesAPassphraseInOneSave) {
  auto vault = open(without_sources());
  ASSERT_TRUE(vault->unlock("passphrase", Secret("old")));
  ASSERT_TRUE(vault->set("app", Secret("s3cret")));
  const auto report = rekey(*vault, {{"action", "replace_slot"}, {"kind", "passphrase"}}, "new");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(vault->generation(), 2u);
  EXPECT_EQ(vault->status()["slots"].size(), 1u);
  EXPECT_EQ(read_with("passphrase", "old"), "CORDON_E_VAULT_WRONG_KEY");
  EXPECT_EQ(read_with("passphrase", "new"), "s3cret");
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
}

TEST_F(Rekey, ReplaceSlot_ChangesTheCostOfTheSamePassphrase) {
  auto vault = open(without_sources());
  ASSERT_TRUE(vault->unlock("passphrase", Secret("same")));
  ASSERT_TRUE(vault->set("app", Secret("s3cret")));
  ASSERT_TRUE(rekey(*vault, {{"action", "replace_slot"}, {"kind", "passphrase"}, {"passes", 2}, {"memory_kib", 65537}},
                    "same"));
  EXPECT_THAT(read_all(path_), HasSubstr(" 2 65537\n"));
  EXPECT_EQ(read_with("passphrase", "same"), "s3cret");
}

TEST_F(Rekey, ReplaceSlot_AmongSeveralMustBeNamed) {
  make_vault();
  auto vault = open();
  EXPECT_EQ(status_of(rekey(*vault, {{"action", "replace_slot"}, {"kind", "passphrase"}}, "x")),
            Status::InvalidArgument);
  ASSERT_TRUE(rekey(*vault, {{"action", "add_slot"}, {"kind", "key"}}, other_key_));
  const auto unclear = rekey(*vault, {{"action", "replace_slot"}, {"kind", "key"}}, std::string(32, 'n'));
  ASSERT_EQ(status_of(unclear), Status::InvalidArgument);
  EXPECT_THAT(unclear.error().message, HasSubstr(slot_of(*vault, "keyfile")));
  ASSERT_TRUE(rekey(*vault, {{"action", "replace_slot"}, {"kind", "key"}, {"slot", slot_of(*vault, "keyfile")}},
                    std::string(32, 'n')));
  EXPECT_EQ(read_with("key", kKey), "CORDON_E_VAULT_WRONG_KEY");
  EXPECT_EQ(read_with("key", std::string(32, 'n')), "s3cret");
}

TEST_F(Rekey, Rotate_GivesANewStoreKeyToEverySlotAtHand) {
  make_vault();
  auto vault = open();
  ASSERT_TRUE(rekey(*vault, {{"action", "add_slot"}, {"kind", "passphrase"}}, "correct horse"));
  const std::string before = first_wrapping_key(*vault);
  const auto report = rekey(*vault, Json::object());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->change, "store_key_rotated");
  EXPECT_NE(first_wrapping_key(*vault), before);
  EXPECT_EQ(vault->wrapping_keys("ledger key")->at(1).name, before);
  EXPECT_EQ(read_with("passphrase", "correct horse"), "s3cret");
  EXPECT_EQ(read_with("key", kKey), "s3cret");
  EXPECT_EQ(first_wrapping_key(*open()), first_wrapping_key(*vault));
}

TEST_F(Rekey, Rotate_RefusesToLoseASlotThatIsNotNamed) {
  make_vault();
  {
    auto vault = open();
    ASSERT_TRUE(rekey(*vault, {{"action", "add_slot"}, {"kind", "passphrase"}}, "correct horse"));
  }
  auto vault = open();  // opened by the key: the passphrase is not at hand
  const std::string before = read_all(path_);
  const std::string slot = slot_of(*vault, "argon2id");
  const auto refused = rekey(*vault, {{"action", "rotate"}});
  ASSERT_EQ(status_of(refused), Status::InvalidState);
  EXPECT_EQ(refused.error().pointer, "/drop_slots");
  EXPECT_THAT(refused.error().message, HasSubstr(slot));
  EXPECT_EQ(read_all(path_), before);
  ASSERT_TRUE(rekey(*vault, {{"action", "rotate"}, {"drop_slots", {slot}}}));
  EXPECT_EQ(read_with("passphrase", "correct horse"), "CORDON_E_VAULT_WRONG_KEY");
  EXPECT_EQ(read_with("key", kKey), "s3cret");
}

TEST_F(Rekey, Rotate_ToANewKeyAloneShutsTheOldOneOut) {
  make_vault();
  const std::string copy = read_all(path_);
  auto vault = open();
  ASSERT_TRUE(
      rekey(*vault, {{"action", "rotate"}, {"kind", "key"}, {"drop_slots", {slot_of(*vault, "keyfile")}}}, other_key_));
  EXPECT_EQ(read_with("key", kKey), "CORDON_E_VAULT_WRONG_KEY");
  EXPECT_EQ(read_with("key", other_key_), "s3cret");
  const auto nothing = rekey(*vault, {{"action", "rotate"}, {"drop_slots", {slot_of(*vault, "keyfile")}}});
  EXPECT_EQ(status_of(nothing), Status::InvalidArgument) << "no slot would be left";
}

TEST_F(Rekey, Rotate_IsFollowedByOtherClientsHoweverTheyWereUnlocked) {
  make_vault();
  auto vault = open();
  ASSERT_TRUE(rekey(*vault, {{"action", "add_slot"}, {"kind", "passphrase"}}, "correct horse"));
  auto by_passphrase = open(without_sources());
  ASSERT_TRUE(by_passphrase->unlock("passphrase", Secret("correct horse")));
  auto by_file = open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(rekey(*vault, {{"action", "rotate"}}));
    ASSERT_TRUE(vault->set("app", Secret(std::to_string(i))));
    EXPECT_EQ(by_passphrase->get("app")->reveal(), std::to_string(i));
    EXPECT_EQ(by_file->get("app")->reveal(), std::to_string(i));
  }
}

TEST_F(Rekey, Rotate_RemembersSixteenFormerKeysForWhatTheyWrapped) {
  make_vault();
  auto vault = open();
  std::vector<std::string> names{first_wrapping_key(*vault)};
  for (int i = 0; i < 18; ++i) {
    ASSERT_TRUE(rekey(*vault, {{"action", "rotate"}}));
    names.insert(names.begin(), first_wrapping_key(*vault));
  }
  const auto keys = open()->wrapping_keys("ledger key");
  ASSERT_EQ(keys->size(), 17u);
  for (std::size_t i = 0; i < keys->size(); ++i) EXPECT_EQ(keys->at(i).name, names[i]);
}

TEST_F(Rekey, ALockedVaultOrNoneAtAllCantBeRekeyed) {
  EXPECT_EQ(status_of(rekey(*open(), {{"action", "rotate"}})), Status::VaultLocked);
  make_vault();
  EXPECT_EQ(status_of(rekey(*open(without_sources()), {{"action", "rotate"}})), Status::VaultLocked);
  EXPECT_EQ(status_of(rekey(*open(Settings()), {{"action", "rotate"}})), Status::InvalidState);
}

TEST_F(Rekey, OptionsThatContradictEachOtherNameThePlace) {
  const std::pair<Json, std::string> cases[] = {
      {{{"action", "destroy"}}, "/action"},
      {{{"acton", "rotate"}}, "/acton"},
      {{{"action", "remove_slot"}}, "/slot"},
      {{{"action", "add_slot"}, {"slot", "x"}, {"kind", "key"}}, "/slot"},
      {{{"action", "add_slot"}, {"drop_slots", {"x"}}, {"kind", "key"}}, "/drop_slots"},
      {{{"action", "add_slot"}, {"kind", "key"}, {"passes", 3}}, "/passes"},
      {{{"action", "add_slot"}, {"kind", "passphrase"}, {"passes", 11}}, "/passes"},
      {{{"action", "add_slot"}, {"kind", "passphrase"}, {"memory_kib", 1024}}, "/memory_kib"},
  };
  for (const auto &[options, pointer] : cases) {
    const auto request = RekeyRequest::from_json(options);
    ASSERT_EQ(status_of(request), Status::InvalidArgument) << options;
    EXPECT_EQ(request.error().pointer, pointer) << options;
  }
  make_vault();
  auto vault = open();
  EXPECT_EQ(rekey(*vault, {{"action", "add_slot"}}, "x").error().pointer, "/kind");
  EXPECT_EQ(rekey(*vault, {{"action", "rotate"}}, "x").error().pointer, "/kind");
  EXPECT_EQ(rekey(*vault, {{"action", "remove_slot"}, {"slot", "a"}, {"kind", "key"}}, other_key_).error().pointer,
            "/kind");
  EXPECT_EQ(status_of(rekey(*vault, {{"action", "add_slot"}, {"kind", "key"}}, "short")), Status::InvalidArgument);
}

TEST_F(Rekey, AcceptRestored_CountsAnOlderCopyAboveEverythingSeen) {
  make_vault();
  const std::string older = read_all(path_);
  auto vault = open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(vault->set("app", Secret("newer")));
  write_all(path_, older);
  EXPECT_EQ(status_of(vault->get("app")), Status::VaultCorrupt);
  EXPECT_EQ(vault->status()["state"], "rolled_back");
  EXPECT_EQ(status_of(rekey(*vault, {{"action", "rotate"}})), Status::VaultCorrupt);
  const auto accepted = rekey(*vault, {{"action", "accept_restored"}});
  ASSERT_TRUE(accepted) << accepted.error().message;
  EXPECT_EQ(vault->generation(), 5u);
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
}

TEST_F(Rekey, AcceptRestored_OfAVaultThatOnlyAPassphraseOpens) {
  std::string older;
  {
    auto vault = open(without_sources());
    ASSERT_TRUE(vault->unlock("passphrase", Secret("correct horse")));
    ASSERT_TRUE(vault->set("app", Secret("s3cret")));
    older = read_all(path_);
    ASSERT_TRUE(vault->set("app", Secret("newer")));
  }
  auto vault = open(without_sources());
  write_all(path_, older);
  vault->expect_generation(parse_container(older, "x")->vault_id, 2);
  EXPECT_EQ(status_of(vault->unlock("passphrase", Secret("wrong"))), Status::VaultWrongKey);
  EXPECT_EQ(status_of(rekey(*vault, {{"action", "accept_restored"}})), Status::VaultLocked);
  EXPECT_EQ(status_of(vault->unlock("passphrase", Secret("correct horse"))), Status::VaultCorrupt);
  EXPECT_EQ(status_of(vault->get("app")), Status::VaultCorrupt);
  ASSERT_TRUE(rekey(*vault, {{"action", "accept_restored"}}));
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
  EXPECT_EQ(vault->generation(), 3u);
}

TEST_F(Rekey, AGenerationThatSomebodyElseSawIsExpected) {
  make_vault();
  auto vault = open();
  vault->expect_generation(vault->vault_id(), 9);
  const auto secret = vault->get("app");
  ASSERT_EQ(status_of(secret), Status::VaultCorrupt);
  EXPECT_THAT(secret.error().message, HasSubstr("generation 1 although 9 was seen"));
  EXPECT_EQ(status_of(vault->set("app", Secret("x"))), Status::VaultCorrupt);
  ASSERT_TRUE(rekey(*vault, {{"action", "accept_restored"}}));
  EXPECT_EQ(vault->generation(), 10u);
  vault->expect_generation("11111111-2222-4333-8444-555555555555", 99);
  EXPECT_TRUE(vault->get("app")) << "another vault's generations count for that vault";
}

}  // namespace
}  // namespace cordon::vault

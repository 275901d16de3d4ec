#include "vault/vault.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/child.hpp"
#include "support/sanitized.hpp"
#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

using testing::HasSubstr;

TEST_F(VaultTest, Set_MakesTheFileThatAnotherVaultReads) {
  auto vault = open();
  EXPECT_FALSE(vault->unlocked());
  EXPECT_EQ(vault->status()["state"], "missing");
  const std::string value("bin\0ary \xff", 9);
  ASSERT_TRUE(
      vault->set("contoso-app", Secret(value), SecretNote{"for tests", UtcTicks::from_unix_seconds(1'800'000'000)}));
  EXPECT_TRUE(vault->unlocked());
  EXPECT_EQ(open()->get("contoso-app")->reveal(), value);
  EXPECT_EQ(open()->generation(), 1u);
  EXPECT_EQ(open()->vault_id(), vault->vault_id());
}

TEST_F(VaultTest, Get_OfAnUnknownNameSaysHowToStoreIt) {
  make_vault();
  const auto secret = open()->get("nobody");
  ASSERT_EQ(status_of(secret), Status::NotFound);
  EXPECT_THAT(secret.error().message, HasSubstr("cordon secret set nobody"));
}

TEST_F(VaultTest, Get_WithoutAFileIsLockedAndSaysHowToMakeIt) {
  const auto secret = open()->get("app");
  ASSERT_EQ(status_of(secret), Status::VaultLocked);
  EXPECT_THAT(secret.error().message, HasSubstr(path_ + " does not exist yet"));
  EXPECT_THAT(secret.error().message, HasSubstr("cordon secret set"));
}

TEST_F(VaultTest, Get_WithoutAKeyIsLockedAndNamesTheKeyFile) {
  make_vault();
  unlink(key_path_.c_str());
  auto vault = open();
  EXPECT_FALSE(vault->unlocked());
  const auto secret = vault->get("app");
  ASSERT_EQ(status_of(secret), Status::VaultLocked);
  EXPECT_THAT(secret.error().message, HasSubstr(key_path_ + " does not exist"));
  const Json status = vault->status();
  EXPECT_EQ(status["state"], "locked");
  EXPECT_EQ(status["problem"]["name"], "CORDON_E_VAULT_LOCKED");
  EXPECT_EQ(status["slots"][0]["kind"], "keyfile");
  EXPECT_TRUE(status["secrets"].empty());

  write_all(key_path_, kKey, 0400);
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret") << "a key that appears later is found";
}

TEST_F(VaultTest, Set_OnALockedVaultChangesNothing) {
  make_vault();
  const std::string before = read_all(path_);
  EXPECT_EQ(status_of(open(without_sources())->set("x", Secret("y"))), Status::VaultLocked);
  EXPECT_EQ(status_of(open(without_sources())->remove("app")), Status::VaultLocked);
  EXPECT_EQ(read_all(path_), before);
}

TEST_F(VaultTest, Set_WithoutAnyKeyMakesNoFile) {
  const auto set = open(without_sources())->set("x", Secret("y"));
  ASSERT_EQ(status_of(set), Status::VaultLocked);
  EXPECT_THAT(set.error().message, HasSubstr("cordon_vault_unlock"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(VaultTest, Set_ChecksNameAndValue) {
  auto vault = open();
  for (const std::string &name : {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a/b"),
                                  std::string("\xc3\xa4"), std::string("a\0b", 3)})
    EXPECT_EQ(status_of(vault->set(name, Secret("x"))), Status::InvalidArgument) << name;
  EXPECT_EQ(status_of(vault->set("a", Secret())), Status::InvalidArgument);
  EXPECT_EQ(status_of(vault->set("a", Secret(std::string(65537, 'x')))), Status::InvalidArgument);
  EXPECT_EQ(status_of(vault->set("a", Secret("x"), SecretNote{std::string(257, 'p'), {}})), Status::InvalidArgument);
  EXPECT_EQ(status_of(vault->set("a", Secret("x"), SecretNote{"\xff", {}})), Status::InvalidArgument);
  EXPECT_TRUE(
      vault->set(std::string(128, 'a'), Secret(std::string(65536, 'x')), SecretNote{std::string(256, 'p'), {}}));
  EXPECT_EQ(open()->get(std::string(128, 'a'))->size(), 65536u);
}

TEST_F(VaultTest, Remove_TakesOneSecretAway) {
  make_vault();
  auto vault = open();
  ASSERT_TRUE(vault->set("other", Secret("kept")));
  ASSERT_TRUE(vault->remove("app"));
  EXPECT_EQ(status_of(vault->remove("app")), Status::NotFound);
  EXPECT_EQ(status_of(open()->get("app")), Status::NotFound);
  EXPECT_EQ(open()->get("other")->reveal(), "kept");
}

TEST_F(VaultTest, Open_TellsAWrongKeyFromADamagedFile) {
  make_vault();
  const std::string good = read_all(path_);
  write_all(key_path_, std::string(32, 'k'), 0600);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultWrongKey);
  write_all(key_path_, kKey, 0600);
  std::string bad = good;
  bad.back() ^= 1;
  write_all(path_, bad);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultCorrupt);
  write_all(path_, "not a vault");
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultCorrupt);
  write_all(path_, good);
  EXPECT_EQ(status_of(try_open(settings())), Status::Ok);
}

TEST_F(VaultTest, Open_TriesTheSourcesInTurn) {
  make_vault();
  const std::string other = directory_ + "/other.key";
  write_all(other, std::string(32, 'k'), 0400);
  Settings with = settings();
  with.unlock = {KeySource::key_file(directory_ + "/none.key"), KeySource::key_file(other),
                 KeySource::key_file(key_path_)};
  EXPECT_TRUE(open(with)->unlocked());
}

TEST_F(VaultTest, AnyThreadMayUseIt) {
  make_vault();
  auto vault = open();
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        if (!vault->set("t" + std::to_string(t), Secret(std::to_string(i)))) ++failures;
        if (!vault->get("app")) ++failures;
        if (vault->status()["state"] != "unlocked") ++failures;
      }
    });
  for (std::thread &thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(vault->status()["secrets"].size(), 5u);
}

TEST_F(VaultTest, Status_ListsNamesAndSlotsButNoValue) {
  auto vault = open();
  ASSERT_TRUE(vault->set("app", Secret("s3cret"), SecretNote{"login", UtcTicks::from_unix_seconds(1'800'000'000)}));
  const Json status = vault->status();
  EXPECT_EQ(status["state"], "unlocked");
  EXPECT_EQ(status["file"], path_);
  EXPECT_EQ(status["generation"], 1);
  EXPECT_EQ(status["vault_id"], vault->vault_id());
  EXPECT_EQ(status["slots"].size(), 1u);
  EXPECT_EQ(status["secrets"], (Json{{{"name", "app"},
                                      {"purpose", "login"},
                                      {"created", clock_.utc().str()},
                                      {"not_after", "2027-01-15T08:00:00Z"}}}));
  EXPECT_EQ(status["sources"][0]["path"], key_path_);
  EXPECT_EQ(status["memory_locked"], SecureMemory::instance().locked());
  EXPECT_EQ(status.dump().find("s3cret"), std::string::npos);
}

TEST_F(VaultTest, Set_OfASuccessorKeepsThePurposeButNotTheEnd) {
  for (Settings with : {settings(), Settings()}) {
    auto vault = open(with);
    ASSERT_TRUE(vault->set("app", Secret("old"), SecretNote{"login", UtcTicks::from_unix_seconds(1'800'000'000)}));
    ASSERT_TRUE(vault->set("app", Secret("new")));
    EXPECT_EQ(vault->status()["secrets"][0]["purpose"], "login");
    EXPECT_EQ(vault->status()["secrets"][0]["not_after"], nullptr);
    ASSERT_TRUE(vault->describe("app", {std::nullopt, UtcTicks::from_unix_seconds(1'900'000'000)}));
    EXPECT_EQ(vault->status()["secrets"][0]["purpose"], "login");
    EXPECT_EQ(vault->status()["secrets"][0]["not_after"], "2030-03-17T17:46:40Z");
    EXPECT_EQ(vault->get("app")->reveal(), "new");
    ASSERT_TRUE(vault->describe("app", {"logout", UtcTicks()}));
    EXPECT_EQ(vault->status()["secrets"][0]["purpose"], "logout");
    EXPECT_EQ(vault->status()["secrets"][0]["not_after"], nullptr);
    EXPECT_EQ(status_of(vault->describe("nobody", {})), Status::NotFound);
    EXPECT_EQ(status_of(vault->describe("app", {std::string(257, 'p'), {}})), Status::InvalidArgument);
  }
}

TEST_F(VaultTest, Status_WarnsOfSecretsThatEnd) {
  auto vault = open();
  const auto end_in = [&](int days) {
    return SecretNote{"", clock_.utc() + std::chrono::hours(24 * days) + std::chrono::hours(1)};
  };
  ASSERT_TRUE(vault->set("ended", Secret("x"), end_in(-2)));
  ASSERT_TRUE(vault->set("ends", Secret("x"), end_in(12)));
  ASSERT_TRUE(vault->set("lasts", Secret("x"), end_in(40)));
  Json warnings = Json::array();
  const Json status = vault->status();
  for (const Json &warning : status["warnings"])
    if (warning.contains("name")) warnings.push_back(warning);
  ASSERT_EQ(warnings.size(), 2u) << warnings;
  EXPECT_EQ(warnings[0]["kind"], "secret_expired");
  EXPECT_EQ(warnings[1]["kind"], "secret_expires");
  EXPECT_EQ(warnings[1]["name"], "ends");
  EXPECT_THAT(std::string(warnings[1]["message"]), HasSubstr("in 12 days"));
}

TEST_F(VaultTest, WithoutAFileSecretsLiveInMemoryOnly) {
  auto vault = open(Settings());
  EXPECT_TRUE(vault->unlocked());
  ASSERT_TRUE(vault->set("app", Secret("s3cret")));
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
  EXPECT_EQ(vault->status()["state"], "memory");
  EXPECT_EQ(vault->status()["secrets"][0]["name"], "app");
  EXPECT_EQ(status_of(vault->unlock("passphrase", Secret("x"))), Status::InvalidState);
  ASSERT_TRUE(vault->remove("app"));
  EXPECT_EQ(status_of(vault->remove("app")), Status::NotFound);
  EXPECT_EQ(status_of(vault->get("app")), Status::NotFound);
}

TEST_F(VaultTest, RequireMlock_RefusesToOpenWhereNothingCanBeLocked) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer makes mlock do nothing";
  Settings with;
  with.require_mlock = true;
  // In children, for what is required is required of the whole process from then on.
  EXPECT_EQ(test::in_child([&] { return std::string(try_open(with) ? "it opened" : "it did not"); }), "it opened");
  const std::string said = test::in_child([&] {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0))
      return std::string("the child could not give its rights up");
    const auto vault = try_open(with);
    if (vault) return std::string("it opened");
    return std::string(status_name(vault.error().status)) + " " + vault.error().message;
  });
  EXPECT_THAT(said, testing::StartsWith("CORDON_E_INVALID_STATE "));
  EXPECT_THAT(said, HasSubstr("RLIMIT_MEMLOCK"));
}

TEST_F(VaultTest, NoVaultAtAllRefusesEverything) {
  Settings none;
  none.absent = true;
  auto vault = open(none);
  EXPECT_FALSE(vault->unlocked());
  EXPECT_EQ(vault->status()["state"], "absent");
  EXPECT_EQ(status_of(vault->get("app")), Status::InvalidState);
  EXPECT_EQ(status_of(vault->set("app", Secret("x"))), Status::InvalidState);
  EXPECT_EQ(status_of(vault->remove("app")), Status::InvalidState);
  EXPECT_EQ(status_of(vault->unlock("passphrase", Secret("x"))), Status::InvalidState);
}

TEST_F(VaultTest, ConfigErrorsNameThePlace) {
  const std::pair<Json, std::string> cases[] = {
      {"x", "/vault"},
      {Json::object(), "/vault"},
      {{{"file", "relative"}}, "/vault/file"},
      {{{"file", "/a/"}}, "/vault/file"},
      {{{"file", nullptr}, {"fiel", 1}}, "/vault/fiel"},
      {{{"file", nullptr}, {"require_mlock", 1}}, "/vault/require_mlock"},
      {{{"file", nullptr}, {"unlock", 1}}, "/vault/unlock"},
      {{{"file", nullptr}, {"unlock", Json::array({1})}}, "/vault/unlock/0"},
  };
  for (const auto &[json, pointer] : cases) {
    const auto settings = Settings::from_json(json);
    ASSERT_EQ(status_of(settings), Status::InvalidArgument) << json;
    EXPECT_EQ(settings.error().pointer, pointer);
  }
  EXPECT_TRUE(Settings::from_json(nullptr)->absent);
  EXPECT_FALSE(Settings::from_json({{"file", nullptr}})->file);
  EXPECT_EQ(Settings::from_json({{"file", "/a"}, {"unlock", {{{"key_file", "/k"}}}}})->unlock[0].path(), "/k");
}

}  // namespace
}  // namespace cordon::vault

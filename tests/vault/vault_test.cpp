#include "vault/vault.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "vault/crypto.hpp"
#include "vault/format.hpp"
#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

using testing::HasSubstr;

TEST_F(VaultTest, Set_MakesTheFileThatAnotherVaultReads) {
  auto vault = open();
  EXPECT_FALSE(vault->unlocked());
  EXPECT_EQ(vault->status()["state"], "missing");
  const std::string value("bin\0ary \xff", 9);
  ASSERT_TRUE(vault->set("contoso-app", Secret(value), {"for tests", UtcTicks::from_unix_seconds(1'800'000'000)}));
  EXPECT_TRUE(vault->unlocked());
  EXPECT_EQ(open()->get("contoso-app")->reveal(), value);
  EXPECT_EQ(open()->generation(), 1u);
  EXPECT_EQ(open()->vault_id(), vault->vault_id());
}

TEST_F(VaultTest, FileIsPrivateWhateverTheUmask) {
  for (const mode_t mask : {0, 0777}) {
    const mode_t old = umask(mask);
    const auto set = open()->set("a", Secret("b"));
    umask(old);
    ASSERT_TRUE(set) << set.error().message;
    struct stat found {};
    ASSERT_EQ(stat(path_.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, 0600u);
    ASSERT_EQ(stat((path_ + ".lock").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, 0600u);
  }
}

TEST_F(VaultTest, FileHoldsNoSecretNameOrKey) {
  auto settings = this->settings();
  auto vault = open(settings);
  ASSERT_TRUE(vault->unlock("passphrase", Secret("a long passphrase")));
  ASSERT_TRUE(vault->set("visible-name", Secret("visible-secret"), {"visible-purpose", {}}));
  for (const auto &entry : std::filesystem::directory_iterator(directory_)) {
    if (entry.path() == key_path_) continue;
    const std::string text = read_all(entry.path());
    for (const std::string_view needle : {std::string_view("visible"), kKey, std::string_view("passphrase")})
      EXPECT_EQ(text.find(needle), std::string::npos) << entry.path() << " holds " << needle;
  }
}

TEST_F(VaultTest, FileSizeHidesNumberAndSizeOfSecrets) {
  make_vault();
  const auto size = std::filesystem::file_size(path_);
  ASSERT_TRUE(open()->set("another", Secret(std::string(500, 'x'))));
  EXPECT_EQ(std::filesystem::file_size(path_), size);
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
  EXPECT_EQ(status_of(vault->set("a", Secret("x"), {std::string(257, 'p'), {}})), Status::InvalidArgument);
  EXPECT_EQ(status_of(vault->set("a", Secret("x"), {"\xff", {}})), Status::InvalidArgument);
  EXPECT_TRUE(vault->set(std::string(128, 'a'), Secret(std::string(65536, 'x')), {std::string(256, 'p'), {}}));
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

TEST_F(VaultTest, Open_RefusesAVaultThatOthersCanReach) {
  make_vault();
  for (const mode_t mode : {0640, 0604, 0620, 0666}) {
    chmod(path_.c_str(), mode);
    const auto vault = try_open(settings());
    ASSERT_EQ(status_of(vault), Status::VaultPermissions) << mode;
    EXPECT_THAT(vault.error().message, HasSubstr("chmod 0600 " + path_));
  }
  chmod(path_.c_str(), 0400);
  EXPECT_EQ(open()->get("app")->reveal(), "s3cret");
}

TEST_F(VaultTest, Open_RefusesLinksAndForeignOwners) {
  make_vault();
  const std::string real = directory_ + "/real";
  std::filesystem::rename(path_, real);
  ASSERT_EQ(symlink(real.c_str(), path_.c_str()), 0);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultPermissions);
  unlink(path_.c_str());
  std::filesystem::rename(real, path_);
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(path_.c_str(), 65534, 0), 0);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultPermissions);
}

TEST_F(VaultTest, Open_RefusesADirectoryInWhichOthersCouldReplaceTheVault) {
  make_vault();
  chmod(directory_.c_str(), 0777);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultPermissions);
  chmod(directory_.c_str(), 01777);
  EXPECT_EQ(status_of(try_open(settings())), Status::Ok);
  chmod(directory_.c_str(), 0770);
  EXPECT_EQ(status_of(try_open(settings())), Status::Ok) << "an own group may write";
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(directory_.c_str(), 0, 65534), 0);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultPermissions);
  ASSERT_EQ(chmod(directory_.c_str(), 0700), 0);
  ASSERT_EQ(chown(directory_.c_str(), 65534, 0), 0);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultPermissions);
}

TEST_F(VaultTest, Open_RefusesAKeyFileThatOthersCanReadEvenWithoutAVault) {
  chmod(key_path_.c_str(), 0444);
  EXPECT_EQ(status_of(try_open(settings())), Status::VaultPermissions);
}

TEST_F(VaultTest, Set_AfterACrashedWriterCleansUpItsTemporaryFile) {
  make_vault();
  write_all(path_ + ".tmp", "half a vau", 0600);
  EXPECT_EQ(open()->get("app")->reveal(), "s3cret");
  ASSERT_TRUE(open()->set("b", Secret("c")));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
  EXPECT_EQ(open()->get("app")->reveal(), "s3cret");
}

TEST_F(VaultTest, Set_DoesNotWriteThroughALinkInPlaceOfTheTemporaryFile) {
  make_vault();
  const std::string victim = directory_ + "/victim";
  write_all(victim, "untouched");
  ASSERT_EQ(symlink(victim.c_str(), (path_ + ".tmp").c_str()), 0);
  ASSERT_TRUE(open()->set("b", Secret("c")));
  EXPECT_EQ(read_all(victim), "untouched");
}

TEST_F(VaultTest, Set_ThatCantWriteLeavesTheOldFile) {
  make_vault();
  const std::string before = read_all(path_);
  ASSERT_TRUE(std::filesystem::create_directory(path_ + ".tmp"));
  auto vault = open();
  const auto set = vault->set("b", Secret("c"));
  ASSERT_EQ(status_of(set), Status::VaultPermissions);
  EXPECT_THAT(set.error().message, HasSubstr("can't be written"));
  EXPECT_EQ(read_all(path_), before);
  EXPECT_EQ(status_of(vault->get("b")), Status::NotFound);
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
}

TEST_F(VaultTest, Get_NoticesWhatAnotherProcessStored) {
  make_vault();
  auto reader = open();
  EXPECT_EQ(reader->get("app")->reveal(), "s3cret");
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(open()->set("app", Secret(std::to_string(i))));
    ASSERT_EQ(reader->get("app")->reveal(), std::to_string(i));
  }
}

TEST_F(VaultTest, Get_AfterTheFileWasDamagedFailsUntilItIsRestored) {
  make_vault();
  auto vault = open();
  const std::string good = read_all(path_);
  write_all(path_, good.substr(1));
  EXPECT_EQ(status_of(vault->get("app")), Status::VaultCorrupt);
  EXPECT_EQ(vault->status()["state"], "unusable");
  write_all(path_, good);
  EXPECT_EQ(vault->get("app")->reveal(), "s3cret");
}

TEST_F(VaultTest, Get_RefusesAnOlderCopy) {
  make_vault();
  const std::string older = read_all(path_);
  auto vault = open();
  ASSERT_TRUE(vault->set("app", Secret("rotated")));
  write_all(path_, older);
  const auto secret = vault->get("app");
  ASSERT_EQ(status_of(secret), Status::VaultCorrupt);
  EXPECT_THAT(secret.error().message, HasSubstr("generation 1 although 2 was seen"));
  EXPECT_EQ(status_of(vault->set("x", Secret("y"))), Status::VaultCorrupt);
  EXPECT_EQ(open()->get("app")->reveal(), "s3cret") << "a new client knows no better";
}

TEST_F(VaultTest, Set_DoesNotBeginANewVaultInPlaceOfOneThatDisappeared) {
  make_vault();
  auto vault = open();
  unlink(path_.c_str());
  const auto secret = vault->get("app");
  ASSERT_EQ(status_of(secret), Status::VaultLocked);
  EXPECT_THAT(secret.error().message, HasSubstr("has disappeared"));
  EXPECT_EQ(status_of(vault->set("x", Secret("y"))), Status::VaultLocked);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(VaultTest, Set_FromTwoProcessesKeepsEverySecret) {
  make_vault();
  constexpr int kEach = 15;
  const auto store = [&](const char *prefix) {
    for (int i = 0; i < kEach; ++i)
      if (!open()->set(prefix + std::to_string(i), Secret("x"))) return false;
    return true;
  };
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(store("child") ? 0 : 1);
  EXPECT_TRUE(store("parent"));
  int how = 0;
  ASSERT_EQ(waitpid(child, &how, 0), child);
  EXPECT_EQ(how, 0);
  auto vault = open();
  EXPECT_EQ(vault->status()["secrets"].size(), 2u * kEach + 1);
  EXPECT_EQ(vault->generation(), 2u * kEach + 1);
}

TEST_F(VaultTest, Set_OfTheFirstSecretByTwoProcessesMakesOneVault) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(open()->set("child", Secret("x")) ? 0 : 1);
  EXPECT_TRUE(open()->set("parent", Secret("x")));
  int how = 0;
  ASSERT_EQ(waitpid(child, &how, 0), child);
  EXPECT_EQ(how, 0);
  EXPECT_EQ(open()->status()["secrets"].size(), 2u);
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

TEST_F(VaultTest, UnknownSlotsSurviveASave) {
  // The MAC covers the slots, so such a file can only come from a writer that knows the kind: the vectors have one.
  const std::string vector = std::string(CORDON_VAULT_VECTORS) + "/ok_unknown_slot.txt";
  const std::string text = read_all(vector);
  const std::string key = text.substr(text.find("key: ") + 5, 64);
  std::string encoded = text.substr(text.find("file:\n") + 6);
  std::erase(encoded, '\n');
  encoded.erase(encoded.find_last_not_of('=') + 1);
  write_all(path_, base64_decode(encoded).value());
  auto vault = open(without_sources());
  ASSERT_TRUE(vault->unlock("key", Secret(key)));
  ASSERT_TRUE(vault->set("new", Secret("value")));
  const auto before = parse_container(base64_decode(encoded).value(), path_);
  const auto after = parse_container(read_all(path_), path_);
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->generation, before->generation + 1);
  ASSERT_EQ(after->slots.size(), before->slots.size());
  for (std::size_t i = 0; i < after->slots.size(); ++i) {
    EXPECT_EQ(after->slots[i].line, before->slots[i].line);
    EXPECT_EQ(after->slots[i].body_line, before->slots[i].body_line);
  }
}

TEST_F(VaultTest, Derive_GivesOneKeyPerUseThatOutlivesTheProcess) {
  make_vault();
  auto vault = open();
  const Secret key = vault->derive("ledger", {"wrap", "1"}).value();
  EXPECT_EQ(key.size(), 32u);
  EXPECT_TRUE(open()->derive("ledger", {"wrap", "1"})->equals(key));
  EXPECT_FALSE(vault->derive("ledger", {"wrap1"})->equals(key));
  EXPECT_FALSE(vault->derive("ledger", {"wrap", "1", ""})->equals(key));
  EXPECT_FALSE(vault->derive("ledgerwrap", {"1"})->equals(key));
  ASSERT_TRUE(vault->set("x", Secret("y")));
  EXPECT_TRUE(vault->derive("ledger", {"wrap", "1"})->equals(key));
}

TEST_F(VaultTest, Derive_NeedsAnOpenFile) {
  EXPECT_EQ(status_of(open()->derive("ledger", {})), Status::VaultLocked);
  Settings memory;
  EXPECT_EQ(status_of(open(memory)->derive("ledger", {})), Status::InvalidState);
  EXPECT_FALSE(open(memory)->durable());
}

TEST_F(VaultTest, Status_ListsNamesAndSlotsButNoValue) {
  auto vault = open();
  ASSERT_TRUE(vault->set("app", Secret("s3cret"), {"login", UtcTicks::from_unix_seconds(1'800'000'000)}));
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

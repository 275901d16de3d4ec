#include "vault/vault_file.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault/crypto.hpp"
#include "vault/format.hpp"
#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

using testing::HasSubstr;

TEST_F(VaultTest, FileIsPrivateWhateverTheUmask) {
  for (const mode_t mask : {0U, 0777U}) {
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
  ASSERT_TRUE(vault->set("visible-name", Secret("visible-secret"), SecretNote{"visible-purpose", {}}));
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

TEST_F(VaultTest, Open_RefusesAVaultThatOthersCanReach) {
  make_vault();
  for (const mode_t mode : {0640U, 0604U, 0620U, 0666U}) {
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

}  // namespace
}  // namespace cordon::vault

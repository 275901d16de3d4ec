#include <sys/stat.h>

#include <iterator>

#include "e2e/host.hpp"

namespace cordon::test {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_all(const fs::path &path, const std::string &bytes, mode_t mode) {
  chmod(path.c_str(), 0600);  // or a file that is only readable could not be written again
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  ASSERT_EQ(chmod(path.c_str(), mode), 0);
}

/// A client whose secrets lie in a real vault file, opened by a real key file.
class VaultFile : public EmulatorTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(chmod(vault_directory.path().c_str(), 0700), 0);
    write_all(key_file, kKey, 0400);
    config["vault"] = {{"file", vault_file.string()}, {"unlock", Json::array({{{"key_file", key_file.string()}}})}};
    const Host host(config);
    ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
    const std::string secret = emulator.ready()["client_secret"];
    cordon_error *error = nullptr;
    ASSERT_EQ(cordon_secret_set(host.client(), "emulator-app", secret.data(), secret.size(), &error), CORDON_OK)
        << cordon_error_message(error);
    vault_bytes = read_all(vault_file);
    ASSERT_FALSE(vault_bytes.empty());
  }

  /// Opening fails, says why, and changes nothing.
  void expect_refused(std::int32_t status, const std::string &word) {
    const std::string before = read_all(vault_file);
    struct stat mode_before {};
    stat(vault_file.c_str(), &mode_before);
    const Host host(config);
    EXPECT_EQ(host.opened().status, status) << host.opened().message();
    EXPECT_NE(host.opened().message().find(word), std::string::npos) << word << " in: " << host.opened().message();
    expect_untouched(before, mode_before);
    EXPECT_EQ(emulator.post_count("oauth2"), 0);
  }
  void expect_untouched(const std::string &bytes, const struct stat &before) {
    struct stat after {};
    ASSERT_EQ(stat(vault_file.c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_uid, before.st_uid);
    EXPECT_EQ(read_all(vault_file), bytes);
  }

  static inline const std::string kKey = std::string(16, 'k') + std::string(16, 'K');
  TempDirectory vault_directory;
  fs::path key_file = vault_directory.path() / "vault.key";
  fs::path vault_file = vault_directory.path() / "credentials.cordon";
  std::string vault_bytes;
};

TEST_F(VaultFile, ASecretThatOneClientStoredServesTheNext) {
  Host host(config);
  ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
  const Reply done = host.restrict_device(machine(), "c", {{"until", "finished"}});
  EXPECT_EQ(done.status, CORDON_OK) << ::testing::PrintToString(done);
  EXPECT_EQ(host.call("ledger_check").document["intact"], true);
}

TEST_F(VaultFile, AWrongKeyIsRefused) {
  write_all(key_file, std::string(32, 'x'), 0400);
  expect_refused(CORDON_E_VAULT_WRONG_KEY, key_file);
}

TEST_F(VaultFile, AKeyFileThatHoldsNoKeyIsRefused) {
  write_all(key_file, "secret", 0400);
  expect_refused(CORDON_E_VAULT_WRONG_KEY, key_file);
}

TEST_F(VaultFile, ATruncatedFileIsCorrupt) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, vault_bytes.size() / 4, vault_bytes.size() / 2, vault_bytes.size() - 1}) {
    write_all(vault_file, vault_bytes.substr(0, size), 0600);
    expect_refused(CORDON_E_VAULT_CORRUPT, vault_file);
  }
}

TEST_F(VaultFile, AFlippedByteIsNoticedWhereverItLies) {
  const std::size_t body = vault_bytes.find("\n--- ");
  ASSERT_NE(body, std::string::npos);
  for (std::size_t at = 0; at < vault_bytes.size(); at += at < body ? 5 : 97) {
    std::string flipped = vault_bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    write_all(vault_file, flipped, 0600);
    Host host(config);
    // A slot of another kind is somebody else's: then there is no key for the vault, and the first need says so.
    const Reply reply = host.opened().status == CORDON_OK ? host.restrict_device(machine()) : host.opened();
    EXPECT_TRUE(reply.status == CORDON_E_VAULT_CORRUPT || reply.status == CORDON_E_VAULT_WRONG_KEY ||
                reply.status == CORDON_E_VAULT_LOCKED)
        << "byte " << at << ": " << ::testing::PrintToString(reply);
    if (at > body) {
      EXPECT_EQ(reply.status, CORDON_E_VAULT_CORRUPT) << "byte " << at;
    }
    EXPECT_EQ(read_all(vault_file), flipped);
  }
  EXPECT_EQ(emulator.post_count("oauth2"), 0);
}

TEST_F(VaultFile, AVaultThatOthersMayReadIsRefusedWithTheCommandThatHelps) {
  ASSERT_EQ(chmod(vault_file.c_str(), 0640), 0);
  expect_refused(CORDON_E_VAULT_PERMISSIONS, "chmod 0600 " + vault_file.string());
}

TEST_F(VaultFile, AVaultOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "giving a file away needs root";
  ASSERT_EQ(chown(vault_file.c_str(), 65534, 65534), 0);
  expect_refused(CORDON_E_VAULT_PERMISSIONS, "65534");
}

TEST_F(VaultFile, ASymbolicLinkIsRefused) {
  const fs::path link = vault_directory.path() / "link.cordon";
  fs::create_symlink(vault_file, link);
  config["vault"]["file"] = link.string();
  expect_refused(CORDON_E_VAULT_PERMISSIONS, "symbolic link");
}

TEST_F(VaultFile, AKeyFileThatOthersMayReadIsRefusedWithTheCommandThatHelps) {
  ASSERT_EQ(chmod(key_file.c_str(), 0440), 0);
  expect_refused(CORDON_E_VAULT_PERMISSIONS, "chmod 0400 " + key_file.string());
}

TEST_F(VaultFile, WithoutItsKeyTheFirstNeedNamesTheRemedyAndAnUnlockOpensIt) {
  fs::remove(key_file);
  struct stat before {};
  stat(vault_file.c_str(), &before);
  Host host(config);
  ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();

  const Reply locked = host.restrict_device(machine());
  EXPECT_EQ(locked.status, CORDON_E_VAULT_LOCKED) << ::testing::PrintToString(locked);
  EXPECT_NE(locked.message().find(key_file), std::string::npos) << locked.message();
  EXPECT_EQ(emulator.post_count("oauth2"), 0);
  EXPECT_EQ(emulator.posts(), 0);

  const std::string wrong(32, 'x');
  EXPECT_EQ(cordon_vault_unlock(host.client(), "key", wrong.data(), wrong.size(), nullptr), CORDON_E_VAULT_WRONG_KEY);
  EXPECT_EQ(host.restrict_device(machine()).status, CORDON_E_VAULT_LOCKED) << "a wrong key opens nothing";
  expect_untouched(vault_bytes, before);

  ASSERT_EQ(cordon_vault_unlock(host.client(), "key", kKey.data(), kKey.size(), nullptr), CORDON_OK);
  const Reply done = host.restrict_device(machine(), "c", {{"until", "finished"}});
  EXPECT_EQ(done.status, CORDON_OK) << ::testing::PrintToString(done);
  expect_untouched(vault_bytes, before);
}

TEST_F(VaultFile, AKeyFileThatComesLaterIsNoticedAtTheNextNeed) {
  const fs::path away = vault_directory.path() / "away";
  fs::rename(key_file, away);
  Host host(config);
  ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
  const Reply locked = host.restrict_device(machine());
  EXPECT_EQ(locked.status, CORDON_E_VAULT_LOCKED) << ::testing::PrintToString(locked);
  EXPECT_NE(locked.message().find(key_file), std::string::npos) << locked.message();
  fs::rename(away, key_file);
  EXPECT_EQ(host.restrict_device(machine()).status, CORDON_PENDING);
}

TEST_F(VaultFile, AMissingVaultIsNoErrorUntilItIsNeeded) {
  fs::remove(vault_file);
  config["state_dir"] = (vault_directory.path() / "new-state").string();
  Host host(config);
  ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
  const Reply locked = host.restrict_device(machine());
  EXPECT_EQ(locked.status, CORDON_E_VAULT_LOCKED) << ::testing::PrintToString(locked);
  EXPECT_NE(locked.message().find("cordon_secret_set"), std::string::npos) << locked.message();
  EXPECT_EQ(host.set_secret("emulator-app", emulator.ready()["client_secret"]).status, CORDON_OK);
  EXPECT_EQ(host.restrict_device(machine()).status, CORDON_PENDING);
}

TEST_F(VaultFile, ASecretStoredByAnotherClientIsNoticed) {
  Host host(config);
  Json other = config;
  other["state_dir"] = (vault_directory.path() / "other-state").string();
  Host writer(other);
  ASSERT_EQ(writer.set_secret("emulator-app", "wrong").status, CORDON_OK);
  EXPECT_EQ(host.restrict_device(machine()).status, CORDON_E_UNAUTHENTICATED);
  ASSERT_EQ(writer.set_secret("emulator-app", emulator.ready()["client_secret"]).status, CORDON_OK);
  EXPECT_EQ(host.restrict_device(machine()).status, CORDON_PENDING);
}

}  // namespace
}  // namespace cordon::test

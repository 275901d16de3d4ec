#include "vault/key_source.hpp"

#include <gmock/gmock.h>

#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "vault/key_file.hpp"
#include "vault/vault_fixture.hpp"

namespace cordon::vault {
namespace {

constexpr std::string_view kHex = "00112233445566778899aAbBcCdDeEfF00112233445566778899aabbccddeeff";

class KeySourceTest : public VaultTest {
 protected:
  Status load(mode_t mode = 0400) {
    chmod(key_path_.c_str(), mode);
    return status_of(KeySource::key_file(key_path_).load());
  }
  Status load_mounted() { return status_of(KeySource::mounted_key_file(key_path_).load()); }
};

TEST_F(KeySourceTest, TakesThirtyTwoBytesOrSixtyFourHexDigits) {
  EXPECT_EQ(KeySource::key_file(key_path_).load()->reveal(), kKey);
  const Secret expected = parse_key(kHex, "x").value().clone();
  for (const char *end : {"", "\n"}) {
    write_all(key_path_, std::string(kHex) + end, 0600);
    const auto key = KeySource::key_file(key_path_).load();
    ASSERT_TRUE(key);
    EXPECT_TRUE(key->equals(expected));
    EXPECT_EQ(key->bytes()[10], 0xaa);
  }
}

TEST_F(KeySourceTest, AnythingElseInTheFileIsNoKey) {
  const std::string hex(kHex);
  for (const std::string &text : {std::string(), std::string(31, 'k'), std::string(33, 'k'), hex + "\r\n", hex + "\n\n",
                                  hex.substr(1), hex.substr(1) + "g", hex.substr(1) + "\n", hex + hex, " " + hex}) {
    write_all(key_path_, text, 0600);
    const auto key = KeySource::key_file(key_path_).load();
    ASSERT_EQ(status_of(key), Status::VaultWrongKey) << text.size();
    EXPECT_NE(key.error().message.find(key_path_), std::string::npos);
    EXPECT_TRUE(text.empty() || key.error().message.find(text.substr(0, 16)) == std::string::npos);
  }
}

TEST_F(KeySourceTest, AMissingFileLocksAndSaysHowToMakeOne) {
  unlink(key_path_.c_str());
  const auto key = KeySource::key_file(key_path_).load();
  ASSERT_EQ(status_of(key), Status::VaultLocked);
  EXPECT_NE(key.error().message.find(key_path_ + " does not exist"), std::string::npos) << key.error().message;
  EXPECT_NE(key.error().message.find("head -c 32 /dev/urandom"), std::string::npos);
}

TEST_F(KeySourceTest, OnlyTheOwnerMayHaveAccessToAKeyFile) {
  for (const mode_t mode : {0400U, 0600U}) EXPECT_EQ(load(mode), Status::Ok) << mode;
  for (const mode_t mode : {0440U, 0404U, 0620U, 0644U, 0700U, 04400U, 0777U})
    EXPECT_EQ(load(mode), Status::VaultPermissions) << mode;
}

TEST_F(KeySourceTest, RefusesAForeignOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  ASSERT_EQ(chown(key_path_.c_str(), 65534, 0), 0);
  EXPECT_EQ(load(), Status::VaultPermissions);
  EXPECT_EQ(load_mounted(), Status::VaultPermissions);
}

TEST_F(KeySourceTest, RefusesLinksDirectoriesAndPipes) {
  const std::string other = directory_ + "/other";
  ASSERT_EQ(symlink(key_path_.c_str(), other.c_str()), 0);
  EXPECT_EQ(status_of(KeySource::key_file(other).load()), Status::VaultPermissions);
  EXPECT_EQ(status_of(KeySource::key_file(directory_).load()), Status::VaultPermissions);
  const std::string pipe = directory_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0400), 0);
  EXPECT_EQ(status_of(KeySource::key_file(pipe).load()), Status::VaultPermissions);
}

TEST_F(KeySourceTest, AMountedFileMayBeALinkAndReadableByAnOwnGroup) {
  const std::string link = directory_ + "/link";
  ASSERT_EQ(symlink(key_path_.c_str(), link.c_str()), 0);
  ASSERT_EQ(chmod(key_path_.c_str(), 0440), 0);
  EXPECT_TRUE(KeySource::mounted_key_file(link).load());
  struct statfs system {};
  ASSERT_EQ(statfs(directory_.c_str(), &system), 0);
  const bool in_memory = system.f_type == TMPFS_MAGIC && geteuid() == 0;  // there everybody may read it
  for (const mode_t mode : {0444U, 0460U, 0404U, 0402U}) {
    chmod(key_path_.c_str(), mode);
    const bool only_read = (mode & 022) == 0;
    EXPECT_EQ(load_mounted(), in_memory && only_read ? Status::Ok : Status::VaultPermissions) << mode;
  }
  if (geteuid() != 0) return;
  ASSERT_EQ(chmod(key_path_.c_str(), 0440), 0);
  ASSERT_EQ(chown(key_path_.c_str(), 0, 65534), 0);
  EXPECT_EQ(load_mounted(), Status::VaultPermissions);
}

TEST_F(KeySourceTest, AMountedFileIsFollowedWhenKubernetesSwapsTheVolume) {
  const std::string volume = directory_ + "/volume";
  const auto publish = [&](const std::string &version, std::string_view key) {
    std::filesystem::create_directories(volume + "/" + version);
    write_all(volume + "/" + version + "/vault.key", key, 0440);
    std::filesystem::create_symlink(version, volume + "/..data_tmp");
    std::filesystem::rename(volume + "/..data_tmp", volume + "/..data");
  };
  publish("..2026_02_03_10_11_12.1", kKey);
  std::filesystem::create_symlink("..data/vault.key", volume + "/vault.key");
  const KeySource source = KeySource::mounted_key_file(volume + "/vault.key");
  EXPECT_EQ(source.load()->reveal(), kKey);
  EXPECT_EQ(source.weakness(), "");
  publish("..2026_02_04_10_11_12.2", std::string(32, 'n'));
  EXPECT_EQ(source.load()->reveal(), std::string(32, 'n'));
}

TEST_F(KeySourceTest, ConfigNamesKeyFiles) {
  const auto plain = KeySource::from_json({{"key_file", "/a/b"}}, "/vault/unlock/0");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->kind(), KeySource::Kind::KeyFile);
  EXPECT_EQ(plain->path(), "/a/b");
  const auto mounted = KeySource::from_json({{"key_file", "/a/b"}, {"mounted", true}}, "/vault/unlock/0");
  ASSERT_TRUE(mounted);
  EXPECT_EQ(mounted->describe(), (Json{{"kind", "key_file"}, {"path", "/a/b"}, {"mounted", true}}));
}

TEST_F(KeySourceTest, ConfigErrorsNameThePlace) {
  const std::pair<Json, std::string> cases[] = {
      {"text", "/vault/unlock/3"},
      {Json::object(), "/vault/unlock/3"},
      {{{"key_file", 7}}, "/vault/unlock/3/key_file"},
      {{{"key_file", "relative"}}, "/vault/unlock/3/key_file"},
      {{{"key_file", "/a"}, {"mounted", "yes"}}, "/vault/unlock/3/mounted"},
      {{{"key_file", "/a"}, {"exec", "/b"}}, "/vault/unlock/3/exec"},
      {{{"key_file", "/a"}, {"x/y", 1}}, "/vault/unlock/3/x~1y"},
      {{{"key_file", "/a"}, {"timeout_ms", 500}}, "/vault/unlock/3/timeout_ms"},
      {{{"systemd_credential", "a/b"}}, "/vault/unlock/3/systemd_credential"},
      {{{"systemd_credential", ".."}}, "/vault/unlock/3/systemd_credential"},
      {{{"systemd_credential", "a"}, {"mounted", true}}, "/vault/unlock/3/mounted"},
      {{{"exec", "/bin/true"}}, "/vault/unlock/3/exec"},
      {{{"exec", Json::array()}}, "/vault/unlock/3/exec"},
      {{{"exec", {"true"}}}, "/vault/unlock/3/exec"},
      {{{"exec", {"/bin/true", 1}}}, "/vault/unlock/3/exec"},
      {{{"exec", {"/bin/true"}}, {"timeout_ms", 99}}, "/vault/unlock/3/timeout_ms"},
      {{{"environment", "A=B"}}, "/vault/unlock/3/environment"},
      {{{"environment", "1A"}}, "/vault/unlock/3/environment"},
      {{{"prompt", false}}, "/vault/unlock/3/prompt"},
  };
  for (const auto &[json, pointer] : cases) {
    const auto source = KeySource::from_json(json, "/vault/unlock/3");
    ASSERT_EQ(status_of(source), Status::InvalidArgument) << json;
    EXPECT_EQ(source.error().pointer, pointer);
  }
}

/// One environment variable for a while.
class Variable {
 public:
  Variable(const char *name, const std::string &value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable &) = delete;
  Variable &operator=(const Variable &) = delete;

 private:
  const char *name_;
};

TEST_F(KeySourceTest, ACredentialLiesWhereSystemdSays) {
  const auto source = KeySource::from_json({{"systemd_credential", "vault-key"}}, "/vault/unlock/0");
  ASSERT_TRUE(source);
  const auto unset = source->load();
  ASSERT_EQ(status_of(unset), Status::VaultLocked);
  EXPECT_THAT(unset.error().message, testing::HasSubstr("LoadCredential=vault-key"));
  // As systemd lays it out: a directory of mode 0500, files of mode 0400, or 0440 where the group's bits are the mask
  // of an access list.
  const std::string credentials = directory_ + "/credentials";
  std::filesystem::create_directory(credentials);
  write_all(credentials + "/vault-key", kKey, 0400);
  chmod(credentials.c_str(), 0500);
  const Variable directory("CREDENTIALS_DIRECTORY", credentials);
  for (const mode_t mode : {0400U, 0440U}) {
    chmod((credentials + "/vault-key").c_str(), mode);
    ASSERT_TRUE(source->load()) << mode;
    EXPECT_EQ(source->load()->reveal(), kKey);
  }
  for (const mode_t mode : {0444U, 0460U}) {
    chmod((credentials + "/vault-key").c_str(), mode);
    EXPECT_EQ(status_of(source->load()), Status::VaultPermissions) << mode;
  }
  EXPECT_EQ(status_of(KeySource::from_json({{"systemd_credential", "other"}}, "")->load()), Status::VaultLocked);
  EXPECT_EQ(source->describe(), (Json{{"kind", "systemd_credential"}, {"name", "vault-key"}}));
  chmod(credentials.c_str(), 0700);
}

TEST_F(KeySourceTest, AVariableHoldsTheKeyAndIsReportedAsWeak) {
  const auto source = KeySource::from_json({{"environment", "CORDON_TEST_VAULT_KEY"}}, "/vault/unlock/0");
  ASSERT_TRUE(source);
  EXPECT_EQ(status_of(source->load()), Status::VaultLocked);
  const Variable key("CORDON_TEST_VAULT_KEY", std::string(kHex));
  EXPECT_TRUE(source->load()->equals(*parse_key(kHex, "x")));
  EXPECT_EQ(source->describe()["weak"], true);
  EXPECT_THAT(source->weakness(), testing::HasSubstr("CORDON_TEST_VAULT_KEY"));
}

TEST_F(KeySourceTest, APromptIsForTheCommandLine) {
  const auto source = KeySource::from_json({{"prompt", true}}, "/vault/unlock/0");
  ASSERT_TRUE(source);
  EXPECT_EQ(status_of(source->load()), Status::VaultLocked);
}

}  // namespace
}  // namespace cordon::vault

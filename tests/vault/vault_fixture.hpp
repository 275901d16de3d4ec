#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "support/fake_clock.hpp"
#include "vault/vault.hpp"

namespace cordon::vault {

inline std::string read_all(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_all(const std::string &path, std::string_view text, mode_t mode = 0600) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  ASSERT_EQ(chmod(path.c_str(), mode), 0);
}

/// A directory of its own (mode 0700), a key file in it, and settings for a vault beside the key.
class VaultTest : public testing::Test {
 protected:
  VaultTest() {
    char name[] = "/tmp/cordon-vault-XXXXXX";
    directory_ = mkdtemp(name);
    key_path_ = directory_ + "/vault.key";
    path_ = directory_ + "/credentials.cordon";
    write_all(key_path_, kKey, 0400);
  }
  ~VaultTest() override { std::filesystem::remove_all(directory_); }

  Settings settings() const {
    Settings out;
    out.file = path_;
    out.unlock.push_back(KeySource::key_file(key_path_));
    out.passphrase_cost = {1, kMinMemoryKib};
    return out;
  }
  Settings without_sources() const {
    Settings out = settings();
    out.unlock.clear();
    return out;
  }
  Result<std::unique_ptr<Vault>> try_open(Settings with) { return Vault::open(std::move(with), random_, clock_); }
  std::unique_ptr<Vault> open(Settings with) {
    auto vault = try_open(std::move(with));
    if (!vault) {
      ADD_FAILURE() << vault.error().message;
      return nullptr;
    }
    return std::move(*vault);
  }
  std::unique_ptr<Vault> open() { return open(settings()); }

  /// A vault file with one secret "app" = "s3cret".
  void make_vault() { ASSERT_TRUE(open()->set("app", Secret("s3cret"))); }

  static constexpr std::string_view kKey = "0123456789abcdefghijklmnopqrstuv";
  SystemRandom random_;
  test::FakeClock clock_;
  std::string directory_, key_path_, path_;
};

/// Status of a Result, Ok for a value.
template <class T>
Status status_of(const Result<T> &result) {
  return result ? Status::Ok : result.error().status;
}

}  // namespace cordon::vault

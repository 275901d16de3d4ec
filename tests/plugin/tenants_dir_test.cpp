#include "plugin/tenants_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "plugin/config.hpp"

namespace cordon::plugin {
namespace {

namespace fs = std::filesystem;

constexpr const char *kGuid = "0f0e0d0c-0b0a-4908-8706-050403020100";

class TenantsDir : public ::testing::Test {
 protected:
  TenantsDir() {
    std::string pattern = (fs::temp_directory_path() / "cordon-tenants-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root = pattern;
    directory = root / "tenants.d";
    fs::create_directory(directory);
    fs::permissions(directory, fs::perms(0755));
  }
  ~TenantsDir() override { fs::remove_all(root); }

  static Json tenant(const std::string &secret = "app") {
    return {{"tenant_id", kGuid},
            {"client_id", kGuid},
            {"credential", {{"kind", "client_secret"}, {"secret_name", secret}}}};
  }
  void write(const std::string &name, const std::string &text, unsigned mode = 0644) {
    std::ofstream(directory / name) << text;
    fs::permissions(directory / name, fs::perms(mode));
  }
  void write(const std::string &name, const Json &json) { write(name, json.dump()); }
  Json config() const { return {{"state_dir", "/var/lib/cordon"}, {"tenants_dir", directory.string()}}; }
  Config read() { return read(config()); }
  static Config read(const Json &json) {
    auto config = Config::read(json.dump());
    EXPECT_TRUE(config) << config.error().message;
    return config ? std::move(*config) : Config();
  }
  std::string place(const std::string &name) const { return (directory / name).string() + "#"; }
  /// Broken, and the message says where and has `words`.
  static void expect_broken(const Config &config, const std::string &name, const std::string &pointer,
                            const std::string &words) {
    SCOPED_TRACE(name);
    const auto found = config.tenants.find(name);
    ASSERT_NE(found, config.tenants.end());
    ASSERT_TRUE(found->second.broken);
    EXPECT_EQ(found->second.broken->pointer, pointer);
    const std::string &message = found->second.broken->message;
    EXPECT_NE(message.find(words), std::string::npos) << message;
    EXPECT_NE(message.find(pointer.substr(0, pointer.find('#'))), std::string::npos) << message;
    EXPECT_FALSE(config.resolve(name));
  }

  fs::path root, directory;
};

TEST_F(TenantsDir, HasOneFileForEachTenantWithTheDefaultsApplied) {
  write("contoso.json", tenant());
  write("fabrikam.json", tenant("other"));
  write(".contoso.json.swp", std::string("{"));
  write("README", std::string("no tenant"));
  Json json = config();
  json["tenant_defaults"] = {{"cloud", "gcc-high"}};
  json["tenants"]["northwind"] = tenant();
  const Config read_back = read(json);
  ASSERT_EQ(read_back.tenants.size(), 3u);
  for (const auto &[name, one] : read_back.tenants) {
    EXPECT_FALSE(one.broken) << name;
    EXPECT_EQ(one.cloud.name, "gcc-high");
  }
  EXPECT_EQ(read_back.tenants.at("fabrikam").credential["secret_name"], "other");
  EXPECT_EQ(read_back.tenants.at("fabrikam").file, (directory / "fabrikam.json").string());
  EXPECT_TRUE(read_back.tenants.at("northwind").file.empty());
}

TEST_F(TenantsDir, WhatIsWrongWithOneFileConcernsThatTenantAlone) {
  write("good.json", tenant());
  write("cut.json", std::string(R"({"tenant_id":)"));
  write("list.json", std::string("[]"));
  Json one = tenant();
  one["client"] = "x";
  write("typo.json", one);
  one = tenant();
  one["client_id"] = "short";
  write("short.json", one);
  one = tenant();
  one.erase("tenant_id");
  write("nobody.json", one);
  one = tenant();
  one["cloud"] = "moon";
  write("moon.json", one);
  one = tenant();
  one["quota"] = {{"espresso", "1/60s"}};
  write("quota.json", one);
  write("open.json", tenant().dump(), 0646);
  write("group.json", tenant().dump(), 0664);
  fs::create_directory(directory / "folder.json");
  fs::create_symlink("nowhere", directory / "link.json");
  write(std::string(65, 'n') + ".json", tenant());
  write("new\nline.json", tenant());

  const Config config = read();
  EXPECT_TRUE(config.resolve("good"));
  EXPECT_EQ(config.tenants.size(), 14u);
  expect_broken(config, "cut", place("cut.json") + "/tenant_id", "");
  expect_broken(config, "list", place("list.json"), "no JSON object");
  expect_broken(config, "typo", place("typo.json") + "/client", "unknown key");
  expect_broken(config, "short", place("short.json") + "/client_id", "no fewer than 36");
  expect_broken(config, "nobody", place("nobody.json") + "/tenant_id", "missing");
  expect_broken(config, "moon", place("moon.json") + "/cloud", "");
  expect_broken(config, "quota", place("quota.json") + "/quota/espresso", "no such quota class");
  expect_broken(config, "open", place("open.json"), "chmod go-w");
  expect_broken(config, "group", place("group.json"), "chmod go-w");
  expect_broken(config, "folder", place("folder.json"), "no regular file");
  expect_broken(config, "link", place("link.json"), "does not exist");
  expect_broken(config, config.tenants.lower_bound("nn")->first, place(std::string(65, 'n') + ".json"),
                "can't name a tenant");
  expect_broken(config, "new?line", place("new?line.json"), "can't name a tenant");
}

TEST_F(TenantsDir, AFileOfSomebodyElseIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  write("contoso.json", tenant());
  write("stranger.json", tenant());
  ASSERT_EQ(chown((directory / "stranger.json").c_str(), 12345, 12345), 0);
  const Config config = read();
  EXPECT_TRUE(config.resolve("contoso"));
  expect_broken(config, "stranger", place("stranger.json"), "belongs to user 12345");
}

TEST_F(TenantsDir, ATenantOfTheConfigItselfIsBrokenAloneToo) {
  write("good.json", tenant());
  Json json = config();
  json["tenants"]["typo"] = tenant();
  json["tenants"]["typo"]["credentials"] = 1;
  json["tenants"]["text"] = "tenant";
  const Config config = read(json);
  EXPECT_TRUE(config.resolve("good"));
  expect_broken(config, "typo", "/tenants/typo/credentials", "unknown key");
  expect_broken(config, "text", "/tenants/text", "wrong type");
}

TEST_F(TenantsDir, ANameInBothPlacesIsUsedFromNeither) {
  write("contoso.json", tenant("from-the-directory"));
  write("fabrikam.json", tenant());
  Json json = config();
  json["tenants"]["contoso"] = tenant("from-the-config");
  const Config config = read(json);
  EXPECT_EQ(config.tenants.size(), 2u);
  expect_broken(config, "contoso", "/tenants/contoso", (directory / "contoso.json").string());
  EXPECT_TRUE(config.resolve("fabrikam"));
}

TEST_F(TenantsDir, ThatCannotBeTrustedOrReadIsRefusedAsAWhole) {
  write("contoso.json", tenant());
  const auto refused = [](const Json &json) {
    auto config = Config::read(json.dump());
    EXPECT_FALSE(config);
    if (config) return std::string();
    EXPECT_EQ(config.error().pointer, "/tenants_dir");
    return config.error().message;
  };
  Json json = config();
  fs::permissions(directory, fs::perms(0777));
  EXPECT_NE(refused(json).find("chmod go-w"), std::string::npos);
  fs::permissions(directory, fs::perms(0755));
  json["tenants_dir"] = (root / "missing").string();
  EXPECT_NE(refused(json).find("make it"), std::string::npos);
  json["tenants_dir"] = (directory / "contoso.json").string();
  refused(json);
  json["tenants_dir"] = "relative";
  refused(json);
}

TEST_F(TenantsDir, ADefaultTenantThatIsNotThereStopsNobodyElse) {
  write("contoso.json", tenant());
  Json json = config();
  json["default_tenant"] = "fabrikam";
  const Config config = read(json);
  EXPECT_TRUE(config.resolve("contoso"));
  ASSERT_FALSE(config.resolve(""));
  EXPECT_NE(config.resolve("").error().message.find("default tenant"), std::string::npos);
}

/// A directory as a kubelet keeps it: `..data` points to the present volume, the names point through it.
class MountedTenants : public TenantsDir {
 protected:
  void put(const std::string &volume, const std::set<std::string> &names) {
    const fs::path below = directory / volume;
    fs::create_directory(below);
    fs::permissions(below, fs::perms(0755));
    for (const std::string &name : names) {
      std::ofstream(below / (name + ".json")) << tenant(volume).dump();
      fs::permissions(below / (name + ".json"), fs::perms(0644));
    }
    fs::create_symlink(volume, directory / "..data_tmp");
    fs::rename(directory / "..data_tmp", directory / "..data");
    for (const std::string &name : names)
      if (!fs::is_symlink(directory / (name + ".json")))
        fs::create_symlink(fs::path("..data") / (name + ".json"), directory / (name + ".json"));
  }
  void forget(const std::string &volume, const std::set<std::string> &stale) {
    for (const std::string &name : stale) fs::remove(directory / (name + ".json"));
    fs::remove_all(directory / volume);
  }
};

TEST_F(MountedTenants, AreReadThroughTheLinks) {
  put("..2026_02_03_10_11_12.1447302", {"contoso", "fabrikam"});
  const Config config = read();
  EXPECT_EQ(config.tenants.size(), 2u);
  EXPECT_TRUE(config.resolve("contoso"));
  EXPECT_TRUE(config.resolve("fabrikam"));
  EXPECT_EQ(config.tenants.at("contoso").file, (directory / "contoso.json").string());
}

TEST_F(MountedTenants, AllComeFromOneUpdateHoweverTheyAreExchanged) {
  put("..first", {"always", "before"});
  std::atomic<int> updates{0};
  const std::jthread kubelet([&](const std::stop_token &test_ends) {
    while (!test_ends.stop_requested()) {
      put("..second", {"always", "after"});
      forget("..first", {"before"});
      put("..first", {"always", "before"});
      forget("..second", {"after"});
      ++updates;
    }
  });
  std::set<std::string> seen;
  for (int i = 0; i < 200 || (updates < 20 && i < 20'000); ++i) {
    auto files = read_tenants_dir(directory.string());
    if (!files) {  // where a reader is slow, under a sanitizer
      ASSERT_NE(files.error().message.find("try again"), std::string::npos) << files.error().message;
      continue;
    }
    ASSERT_EQ(files->size(), 2u);
    std::set<std::string> volumes;
    for (const TenantFile &file : *files) {
      ASSERT_TRUE(file.content) << file.content.error().message;
      volumes.insert((*file.content)["credential"]["secret_name"]);
    }
    ASSERT_EQ(volumes.size(), 1u) << "of two updates";
    const std::string second = *volumes.begin() == "..first" ? "before" : "after";
    EXPECT_TRUE((*files)[0].name == second || (*files)[1].name == second);
    seen.insert(*volumes.begin());
  }
  EXPECT_EQ(seen.size(), 2u) << "or nothing was exchanged";
}

}  // namespace
}  // namespace cordon::plugin

#pragma once

#include <filesystem>
#include <fstream>

#include "e2e/host.hpp"

namespace cordon::test {

/// An emulator with several tenants, each with an application and devices of its own, and a config that names them by a
/// directory.
class TenantsTest : public EmulatorTest {
 protected:
  explicit TenantsTest(const std::vector<std::string> &names = {"contoso", "fabrikam", "northwind"},
                       std::size_t devices = 4)
      : EmulatorTest(arguments(names, devices)) {
    tenants = config["tenants"];
    config.erase("tenants");
    config["default_tenant"] = names.front();
    directory = emulator.directory() / "tenants.d";
    std::filesystem::create_directory(directory);
    config["tenants_dir"] = directory.string();
    for (const std::string &name : names) put(name);
  }

  /// The document of a tenant's file, as another one replaces it.
  void put(const std::string &name, const Json &document) {
    const std::filesystem::path draft = directory / ("." + name);
    std::ofstream(draft) << document.dump();
    std::filesystem::permissions(draft, std::filesystem::perms(0644));
    std::filesystem::rename(draft, file_of(name));
  }
  void put(const std::string &name) { put(name, tenants[name]); }
  void drop(const std::string &name) { std::filesystem::remove(file_of(name)); }
  std::filesystem::path file_of(const std::string &name) const { return directory / (name + ".json"); }
  std::string place(const std::string &name) const { return file_of(name).string() + "#"; }

  static std::string secret_of(const std::string &name) { return "secret-of-" + name; }
  static std::string device(std::size_t tenant, std::size_t index) {
    char id[41];
    std::snprintf(id, sizeof id, "%08zx%032zx", tenant + 1, index + 1);
    return id;
  }
  /// Opens a client and gives it everybody's secret.
  std::unique_ptr<Host> open_with_secrets() {
    auto host = std::make_unique<Host>(config);
    EXPECT_EQ(host->opened().status, CORDON_OK) << host->opened().message();
    for (const auto &[name, tenant] : tenants.items())
      EXPECT_EQ(host->set_secret(tenant["credential"]["secret_name"], secret_of(name)).status, CORDON_OK);
    return host;
  }
  /// The only client secrets of a tenant's application from now on.
  void accept_at_service(const std::string &tenant, const Json &secrets) {
    emulator.control_post("/emulator/apps", {{"tenant_id", tenants[tenant]["tenant_id"]},
                                             {"client_id", tenants[tenant]["client_id"]},
                                             {"client_secrets", secrets}});
  }
  static Reply contain(Host &host, const std::string &tenant, const std::string &device,
                       std::int32_t timeout_ms = 60'000) {
    return host.restrict_device(device, "c", {{"tenant", tenant}, {"until", "finished"}}, timeout_ms);
  }

  Json tenants;  ///< by name
  std::filesystem::path directory;

 private:
  static std::vector<std::string> arguments(const std::vector<std::string> &names, std::size_t devices) {
    static TempDirectory scenarios;  // outlives the emulator; one test at a time
    Json scenario = {{"tenants", Json::array()}, {"apps", Json::array()}, {"machines", Json::array()}};
    for (std::size_t i = 0; i < names.size(); ++i) {
      scenario["tenants"].push_back({{"name", names[i]}});
      scenario["apps"].push_back(
          {{"name", names[i] + "-app"}, {"tenant", names[i]}, {"client_secret", secret_of(names[i])}});
      for (std::size_t d = 0; d < devices; ++d)
        scenario["machines"].push_back({{"name", names[i] + "-" + std::to_string(d)},
                                        {"tenant", names[i]},
                                        {"id", device(i, d)},
                                        {"behaviour", d == 3 ? "slow" : "online"}});
    }
    scenario["timings"] = {{"slow_duration_s", 1'000'000}};
    const std::string path = (scenarios.path() / "tenants.json").string();
    std::ofstream(path) << scenario.dump();
    return {"--speed", "60", "--machines", "1", "--scenario", path};
  }
};

}  // namespace cordon::test

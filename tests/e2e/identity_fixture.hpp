#pragma once

#include <fstream>
#include <iterator>

#include "e2e/host.hpp"

namespace cordon::test {

/// An emulator with certificate, federated token and managed identities, and people who sign in.
class IdentityTest : public EmulatorTest {
 protected:
  IdentityTest() : IdentityTest(Json::object()) {}
  /// `scenario` is laid over the usual one.
  explicit IdentityTest(const Json &scenario) : EmulatorTest(arguments(scenario)) {
    setenv("IDENTITY_HEADER", text_or(identity(), "app_service_header").c_str(), 1);
  }
  ~IdentityTest() override { unsetenv("IDENTITY_HEADER"); }

  Json credentials() const { return emulator.ready()["credentials"]; }
  Json identity() const { return emulator.ready()["identity"]; }
  Json with(const Json &credential) const {
    Json out = config;
    out["tenants"]["contoso"]["credential"] = credential;
    return out;
  }
  long token_requests() { return emulator.post_count("oauth2/v2.0/token"); }

  static constexpr const char *kPeople = "5a1f0c3e-8a44-4d0a-9a55-0f2b6a1c7d10";

 private:
  static std::vector<std::string> arguments(const Json &differs) {
    static TempDirectory directory;  // outlives the emulator; one test at a time
    Json scenario = {
        {"apps", {{{"name", "emulator-app"}}, {{"name", "people"}, {"client_id", kPeople}, {"public_client", true}}}},
        {"timings", {{"device_code_interval_s", 1}}},
        {"knobs", {{"refresh_tokens_once", true}}}};
    scenario.update(differs);
    const std::string path = (directory.path() / "scenario.json").string();
    std::ofstream(path) << scenario.dump();
    return {"--speed",    "60",          "--scenario",       path,
            "--identity", "127.0.0.1:0", "--credential-dir", (directory.path() / "credentials").string()};
  }
};

inline std::string all_bytes_below(const std::filesystem::path &directory) {
  std::string out;
  for (const auto &entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    out.append(std::istreambuf_iterator<char>(file), {});
  }
  return out;
}

}  // namespace cordon::test

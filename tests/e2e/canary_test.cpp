#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "e2e/scripted_service.hpp"

namespace cordon::test {
namespace {

namespace fs = std::filesystem;

constexpr const char *kSecret = "CANARY-SECRET-6f1d0c2b9a";
constexpr const char *kToken = "CANARY-TOKEN-4e8a7f.3c5b1d.90e2f6";
constexpr const char *kPassphrase = "CANARY-PASSPHRASE-77b0";
constexpr const char *kKey = "CANARY-KEY-0f3a6b9c2d5e8f1a4b7c0";

/// Everything a client wrote or said, searched for what it was told in confidence.
class Canary : public ScriptedTest {
 protected:
  Canary() {
    config = config_for(service.origin(), service.origin());
    config["log"] = {{"file", (directory.path() / "log").string()}, {"level", "debug"}};
    std::filesystem::create_directory(directory.path() / "tmp");  // where files of the moment would lie
    setenv("TMPDIR", (directory.path() / "tmp").c_str(), 1);
    config["reconcile"]["settle_ms"] = 60'000;  // nothing is sent again while this lasts
  }

  ~Canary() override { unsetenv("TMPDIR"); }

  void hear(const Reply &reply) {
    said += reply.text;
    said += reply.error.dump();
  }
  /// A request with everything that the operation demands.
  static Json request_for(const Json &operation) {
    const Json known = {{"machine_id", machine('a')},
                        {"machine_ids", {machine('a')}},
                        {"comment", "c"},
                        {"reason", "r"},
                        {"scope", "all"},
                        {"sha1", machine('1')},
                        {"isolation_type", "Full"},
                        {"scan_type", "Quick"},
                        {"name", "app"},
                        {"request_id", "5382f7ea-7557-4ab7-9782-d50480024a4e"},
                        {"action_id", "5382f7ea-7557-4ab7-9782-d50480024a4e"}};
    Json request = Json::object();
    for (const Json &member : operation["request"].value("required", Json::array()))
      if (known.contains(member)) request[std::string(member)] = known[std::string(member)];
    return request;
  }
  void hear_events(Host &host) {
    for (Reply event = host.next_event(0, {{"scope", "all"}, {"after", 0}}); event.status == CORDON_OK;
         event = host.next_event(0, {{"scope", "all"}, {"after", event.document["cursor"]}}))
      hear(event);
  }
  void expect_no_canary(const std::string &text, const std::string &where) {
    const auto place = std::search(text.begin(), text.end(), kMark.begin(), kMark.end());
    EXPECT_TRUE(place == text.end()) << where << ": " << std::string(place, place + std::min(60L, text.end() - place));
  }
  /// `client`'s directory, with the write-ahead log while it is open.
  void expect_no_canary_on_disk() {
    int files = 0;
    for (const auto &entry : fs::recursive_directory_iterator(directory.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      expect_no_canary({std::istreambuf_iterator<char>(file), {}}, entry.path());
      ++files;
    }
    EXPECT_GT(files, 2) << "or nothing was looked at";
  }

  static inline const std::string kMark = "CANARY-";
  ScriptedService service{ca.issue(), &answer_with_an_echo, kToken};
  Json config;
  std::string said;
};

TEST_F(Canary, SecretAndTokenAppearInNothingThatIsWrittenOrSaid) {
  {
    Host host(config);
    ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
    ASSERT_EQ(host.set_secret("app", kSecret).status, CORDON_OK);
    std::vector<std::int32_t> statuses;
    for (int i = 0; i < 6; ++i) {
      const Reply reply = host.restrict_device(machine(static_cast<char>('a' + i)), "c", nullptr, 5'000);
      statuses.push_back(reply.status);
      hear(reply);
    }
    EXPECT_EQ(statuses, (std::vector<std::int32_t>{CORDON_OK, CORDON_E_PERMISSION_DENIED, CORDON_E_OUTCOME_UNKNOWN,
                                                   CORDON_E_OUTCOME_UNKNOWN, CORDON_E_UNAUTHENTICATED,
                                                   CORDON_E_OUTCOME_UNKNOWN}));
    const Json manifest = Json::parse(cordon_manifest());
    for (const Json &operation : manifest["operations"]["operations"]) {
      const std::string name = operation["name"];
      hear(host.call(name));  // mostly refused: something is missing
      hear(host.call(name, request_for(operation), 500));
    }
    hear(host.call("resume", {{"scope", "all"}, {"reason", "r"}}));
    char *status = nullptr;
    ASSERT_EQ(cordon_vault_status(host.client(), &status, nullptr), CORDON_OK);
    said += status;
    cordon_string_free(status);
    hear_events(host);
    expect_no_canary_on_disk();
  }
  expect_no_canary_on_disk();
  expect_no_canary(said, "what the client said");
  // The service was told both, or this test could not fail.
  std::string wire;
  for (const WireRequest &request : service.server().requests()) wire += request.head + request.body;
  EXPECT_NE(wire.find(kSecret), std::string::npos);
  EXPECT_NE(wire.find(kToken), std::string::npos);
}

TEST_F(Canary, ARefusedSecretIsNotRepeatedByTheError) {
  TlsServer login(ca.issue(), [](TlsServer::Connection &connection) {
    while (const auto request = connection.read_request())
      connection.answer(401,
                        Json{{"error", "invalid_client"},
                             {"error_description", "AADSTS7000215: Invalid client secret: " + request->body},
                             {"error_codes", {7000215}}}
                            .dump(),
                        "Content-Type: application/json\r\n");
  });
  config = config_for("https://localhost:" + std::to_string(login.port()), service.origin());
  config["log"] = {{"file", (directory.path() / "log").string()}, {"level", "debug"}};
  Host host(config);
  ASSERT_EQ(host.set_secret("app", kSecret).status, CORDON_OK);
  const Reply refused = host.restrict_device(machine());
  EXPECT_EQ(refused.status, CORDON_E_UNAUTHENTICATED) << ::testing::PrintToString(refused);
  hear(refused);
  hear(host.call("health"));
  hear_events(host);
  expect_no_canary(said, "what the client said");
  expect_no_canary_on_disk();
}

TEST_F(Canary, TheVaultFileShowsNeitherSecretNorPassphrase) {
  const fs::path vault_directory = directory.path() / "vault";
  fs::create_directory(vault_directory);
  fs::permissions(vault_directory, fs::perms::owner_all);
  config["vault"] = {{"file", (vault_directory / "credentials.cordon").string()}};
  Host host(config);
  ASSERT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
  const std::string passphrase = kPassphrase;
  ASSERT_EQ(cordon_vault_unlock(host.client(), "passphrase", passphrase.data(), passphrase.size(), nullptr), CORDON_OK);
  ASSERT_EQ(host.set_secret("app", kSecret).status, CORDON_OK);
  EXPECT_EQ(host.restrict_device(machine()).status, CORDON_OK);
  EXPECT_EQ(cordon_vault_unlock(host.client(), "passphrase", kSecret, 5, nullptr), CORDON_E_VAULT_WRONG_KEY);
  const std::string key = kKey;
  ASSERT_EQ(key.size(), 32u);
  hear(host.rekey({{"action", "add_slot"}}, key));
  hear(host.rekey({{"action", "add_slot"}, {"kind", "key"}}, key.substr(1)));
  const Reply added = host.rekey({{"action", "add_slot"}, {"kind", "key"}}, key);
  ASSERT_EQ(added.status, CORDON_OK) << added.message();
  const Reply rotated = host.rekey({{"action", "rotate"}, {"kind", "key"}}, key);
  hear(rotated);
  EXPECT_EQ(rotated.status, CORDON_OK) << rotated.message();
  EXPECT_EQ(cordon_vault_unlock(host.client(), "key", key.data(), key.size(), nullptr), CORDON_OK);
  EXPECT_EQ(host.rekey({{"action", "rotate"}}).status, CORDON_OK);
  hear(host.call("describe_secret", {{"name", "app"}, {"purpose", "a test"}}));
  hear(host.call("health"));
  hear_events(host);
  expect_no_canary(said, "what the client said");
  expect_no_canary_on_disk();
}

}  // namespace
}  // namespace cordon::test

#include <openssl/evp.h>

#include "e2e/identity_fixture.hpp"
#include "support/rsa_pair.hpp"

namespace cordon::test {
namespace {

/// The entries of a check, by its name.
std::vector<Json> checks(const Reply &reply, const std::string &name) {
  std::vector<Json> out;
  for (const Json &check : reply.document["checks"])
    if (check["check"] == name) out.push_back(check);
  return out;
}

/// "ok", "warning" or "failed"; "absent", or "several" when they differ.
std::string result(const Reply &reply, const std::string &name) {
  std::string out = "absent";
  for (const Json &check : checks(reply, name)) {
    const std::string one = check["result"];
    out = out == "absent" || out == one ? one : "several";
  }
  return out;
}

std::string permission(const Reply &reply, const std::string &operation) {
  for (const Json &check : checks(reply, "permission"))
    if (check["operation"] == operation) return check["result"];
  return "absent";
}

class Preflight : public IdentityTest {
 protected:
  using IdentityTest::IdentityTest;
  Reply preflight(const Json &one, const Json &request = Json::object()) {
    Host host(one);
    EXPECT_EQ(host.opened().status, CORDON_OK) << host.opened().message();
    if (set_secret) {
      EXPECT_EQ(host.set_secret("emulator-app", secret).status, CORDON_OK);
    }
    const Reply reply = host.call("preflight", request, 60'000);
    EXPECT_EQ(reply.text.find(secret), std::string::npos);
    for (const Json &check : reply.document.is_object() ? reply.document["checks"] : Json::array()) {
      EXPECT_FALSE(check["text"].get<std::string>().empty());
      EXPECT_TRUE(check["result"] != "warning" || check["remedy"].is_string()) << check.dump();
    }
    return reply;
  }
  std::string secret = emulator.ready()["client_secret"];
  bool set_secret = true;
};

TEST_F(Preflight, FindsEverythingInOrderAndChangesNothing) {
  const Reply reply = preflight(config);
  ASSERT_EQ(reply.status, CORDON_OK) << ::testing::PrintToString(reply);
  EXPECT_NE(reply.document["result"], "failed") << reply.text;
  for (const char *check : {"vault", "ca", "proxy", "config", "secret", "sign_in_reachable", "api_reachable", "clock",
                            "token", "audience", "tenant", "permission", "api_accepts_token"})
    EXPECT_EQ(result(reply, check), "ok") << check << ": " << reply.text;
  EXPECT_EQ(result(reply, "ledger"), "warning") << "its key lies beside it";
  EXPECT_EQ(permission(reply, "isolate"), "ok");
  EXPECT_EQ(emulator.posts(), 0) << "no side effect at the service";
}

TEST_F(Preflight, SaysWhichSecretIsMissingOrWrong) {
  set_secret = false;
  Reply reply = preflight(config);
  EXPECT_EQ(reply.document["result"], "failed");
  EXPECT_EQ(result(reply, "secret"), "failed");
  EXPECT_EQ(result(reply, "token"), "failed");
  EXPECT_EQ(checks(reply, "secret").at(0)["remedy"], "store it: cordon secret set emulator-app");
  EXPECT_EQ(result(reply, "api_reachable"), "ok");

  set_secret = true;
  secret = "not-the-secret";
  reply = preflight(config);
  EXPECT_EQ(result(reply, "token"), "failed");
  EXPECT_EQ(checks(reply, "token").at(0)["error"], "CORDON_E_UNAUTHENTICATED");
  EXPECT_NE(checks(reply, "token").at(0)["text"].get<std::string>().find("AADSTS7000215"), std::string::npos);
}

TEST_F(Preflight, LooksAtOneTenantOrAllAndAtBrokenOnesToo) {
  config["tenants"]["broken"] = {{"tenant_id", "nowhere.example"}};
  config["default_tenant"] = "contoso";
  const Reply all = preflight(config);
  EXPECT_EQ(all.document["result"], "failed");
  EXPECT_EQ(result(all, "config"), "several");
  const Reply one = preflight(config, {{"options", {{"tenant", "contoso"}}}});
  EXPECT_EQ(result(one, "config"), "ok");
  EXPECT_EQ(preflight(config, {{"options", {{"tenant", "other"}}}}).status, CORDON_E_INVALID_ARGUMENT);
}

TEST_F(Preflight, NamesAnOperationThatThereIsNot) {
  const Reply reply = preflight(config, {{"operations", {"isolate", "format_disk"}}});
  EXPECT_EQ(reply.status, CORDON_E_NOT_SUPPORTED);
  EXPECT_EQ(reply.pointer(), "/operations/1");
}

TEST_F(Preflight, SaysWhenNothingAnswersOrNobodyIsTrusted) {
  Json nowhere = config;
  nowhere["tenant_defaults"]["cloud"]["api"] = "https://127.0.0.1:9";
  Reply reply = preflight(nowhere);
  EXPECT_EQ(result(reply, "sign_in_reachable"), "ok");
  EXPECT_EQ(result(reply, "api_reachable"), "failed");
  EXPECT_EQ(checks(reply, "api_reachable").at(0)["error"], "CORDON_E_NETWORK");

  Json untrusted = config;
  untrusted["http"]["ca_file"] = "/etc/hostname";
  reply = preflight(untrusted);
  EXPECT_EQ(result(reply, "ca"), "failed");
  EXPECT_EQ(checks(reply, "sign_in_reachable").at(0)["error"], "CORDON_E_TLS");
}

TEST_F(Preflight, ComparesTheAudienceWithTheClouds) {
  config["tenant_defaults"]["cloud"]["audience"] = "https://graph.microsoft.com";
  const Reply reply = preflight(config);
  EXPECT_EQ(result(reply, "audience"), "ok") << "the token is for what was asked for";
  EXPECT_EQ(result(reply, "api_accepts_token"), "failed") << "and the API refuses it";
}

class PreflightOfAPoorApplication : public Preflight {
 protected:
  PreflightOfAPoorApplication()
      : Preflight(
            Json{{"apps",
                  {{{"name", "emulator-app"},
                    {"roles", {"Machine.RestrictExecution", "Machine.StopAndQuarantine", "Machine.Read.All"}}}}}}) {}
};

TEST_F(PreflightOfAPoorApplication, TellsWhatItMayNotDo) {
  Reply reply = preflight(config);
  EXPECT_EQ(reply.document["result"], "warning");
  EXPECT_EQ(permission(reply, "restrict_code_execution"), "ok");
  EXPECT_EQ(permission(reply, "stop_and_quarantine"), "ok");
  EXPECT_EQ(permission(reply, "list_actions"), "ok");
  EXPECT_EQ(permission(reply, "isolate"), "warning");

  reply = preflight(config, {{"operations", {"restrict_code_execution", "isolate"}}});
  EXPECT_EQ(reply.document["result"], "failed");
  EXPECT_EQ(permission(reply, "isolate"), "failed");
  EXPECT_EQ(permission(reply, "offboard"), "absent");
  for (const Json &check : checks(reply, "permission"))
    EXPECT_TRUE(check["operation"] != "isolate" ||
                check["text"].get<std::string>().find("Machine.Isolate") != std::string::npos);
}

class PreflightOfACertificate : public IdentityTest {};

TEST_F(PreflightOfACertificate, WarnsBeforeItEnds) {
  const auto state = [this](long days) {
    const RsaPair pair(days);
    const std::string file = (emulator.directory() / "short.pem").string();
    std::ofstream(file, std::ios::binary) << pair.pem();
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
    Host host(with({{"kind", "client_certificate"}, {"certificate_file", file}}));
    const Reply reply = host.call("preflight", Json::object(), 60'000);
    const Json health = host.call("health").document["tenants"]["contoso"]["credential"];
    EXPECT_EQ(health["kind"], "client_certificate");
    EXPECT_EQ(health["warning"].is_null(), days > 30) << health.dump();
    std::filesystem::remove(file);
    return result(reply, "certificate");
  };
  EXPECT_EQ(state(300), "ok");
  EXPECT_EQ(state(12), "warning");
  EXPECT_EQ(state(-1), "failed");
}

}  // namespace
}  // namespace cordon::test

#include "e2e/tenants_fixture.hpp"

#include <algorithm>
#include <iterator>
#include <thread>

#include "support/eventually.hpp"

namespace cordon::test {
namespace {

namespace fs = std::filesystem;

/// Tenants come, change, break and go while a client is open.
class Tenants : public TenantsTest {
 protected:
  Json health_of(Host &host, const std::string &tenant) { return host.call("health").document["tenants"][tenant]; }
  std::string log() const {
    std::ifstream file(emulator.directory() / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string state_of(Host &host, const std::string &id) { return host.poll(id, 0).state(); }
  std::size_t actions_on(const std::string &device) {
    const Json actions = emulator.actions();
    return static_cast<std::size_t>(
        std::count_if(actions.begin(), actions.end(), [&](const Json &one) { return one["machineId"] == device; }));
  }
  static Json in(const std::string &tenant) { return {{"options", {{"tenant", tenant}}}}; }
  static Json request(const std::string &device, const Json &options) {
    return {{"machine_id", device}, {"comment", "c"}, {"options", options}};
  }
};

TEST_F(Tenants, AreAddedChangedAndRemovedByAReload) {
  drop("fabrikam");
  const auto host = open_with_secrets();
  EXPECT_EQ(contain(*host, "contoso", device(0, 0)).status, CORDON_OK);
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 0)).status, CORDON_E_INVALID_ARGUMENT);

  put("fabrikam");
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 0)).status, CORDON_E_INVALID_ARGUMENT) << "nothing was reloaded yet";
  const long tokens = emulator.post_count("oauth2/v2.0/token");
  Reply reloaded = host->reload(config);
  ASSERT_EQ(reloaded.status, CORDON_OK) << reloaded.message();
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 0)).status, CORDON_OK);
  EXPECT_EQ(contain(*host, "contoso", device(0, 1)).status, CORDON_OK);
  EXPECT_EQ(emulator.post_count("oauth2/v2.0/token"), tokens + 1) << "who has not changed keeps his token";

  Json slower = tenants["contoso"];
  slower["quota"] = "4321/60s";
  put("contoso", slower);
  drop("fabrikam");
  reloaded = host->reload(config);
  ASSERT_EQ(reloaded.status, CORDON_OK) << reloaded.message();
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 1)).status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(host->call("quota", in("contoso")).document["classes"]["restrict"]["windows"][0]["limit"], 4321)
      << host->call("quota", in("contoso")).text;
  EXPECT_EQ(contain(*host, "contoso", device(0, 2)).status, CORDON_OK);
  EXPECT_EQ(emulator.post_count("oauth2/v2.0/token"), tokens + 1) << "nor does one whose credential has not changed";
  const Json health = host->call("health").document["tenants"];
  EXPECT_EQ(health.size(), 2u);
  EXPECT_EQ(health["contoso"]["file"], file_of("contoso").string());
}

TEST_F(Tenants, ABrokenOneHarmsNoOtherAndIsNamedWhereverAPersonLooks) {
  config["log"] = {{"file", (emulator.directory() / "log").string()}};
  Json broken = tenants["fabrikam"];
  broken["client_id"] = "not a guid, but thirty-six characters";
  put("fabrikam", broken);
  Json missing = tenants["northwind"];
  missing["credential"] = {{"kind", "client_certificate"}, {"certificate_file", "/nowhere/certificate.pem"}};
  put("northwind", missing);
  const auto host = open_with_secrets();
  const std::string bad_place = place("fabrikam") + "/client_id",
                    missing_place = place("northwind") + "/credential/certificate_file";
  EXPECT_EQ(contain(*host, "contoso", device(0, 0)).status, CORDON_OK);

  // What it is told that acts for it …
  const Reply refused = contain(*host, "fabrikam", device(1, 0));
  EXPECT_EQ(refused.status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(refused.pointer(), bad_place);
  EXPECT_NE(refused.message().find(bad_place), std::string::npos) << refused.message();
  EXPECT_EQ(refused.message().find("thirty-six"), std::string::npos) << "it is not quoted";
  const Reply unreadable = contain(*host, "northwind", device(2, 0));
  EXPECT_EQ(unreadable.pointer(), missing_place);
  EXPECT_NE(unreadable.message().find("check the path"), std::string::npos) << unreadable.message();
  // … health …
  EXPECT_EQ(health_of(*host, "contoso")["ok"], true);
  EXPECT_EQ(health_of(*host, "fabrikam")["ok"], false);
  EXPECT_EQ(health_of(*host, "fabrikam")["problem"]["pointer"], bad_place);
  EXPECT_EQ(health_of(*host, "northwind")["problem"]["pointer"], missing_place);
  // … preflight …
  const Reply checked = host->call("preflight", Json::object(), 60'000);
  EXPECT_EQ(checked.document["result"], "failed");
  for (const std::string &one : {bad_place, missing_place})
    EXPECT_NE(checked.text.find(one), std::string::npos) << checked.text;
  // … the log …
  for (const std::string &one : {bad_place, missing_place}) EXPECT_NE(log().find(one), std::string::npos) << log();
  // … and the answer of a reload, which has taken over everything else.
  put("zeta", tenants["contoso"]);
  const Reply reloaded = host->reload(config);
  EXPECT_EQ(reloaded.status, CORDON_E_INVALID_STATE);
  EXPECT_NE(reloaded.message().find("taken over"), std::string::npos) << reloaded.message();
  for (const std::string &one : {bad_place, missing_place})
    EXPECT_NE(reloaded.message().find(one), std::string::npos) << reloaded.message();
  EXPECT_EQ(contain(*host, "zeta", device(0, 1)).status, CORDON_OK);

  // Repaired, they work.
  put("fabrikam");
  put("northwind");
  EXPECT_EQ(host->reload(config).status, CORDON_OK);
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 0)).status, CORDON_OK);
  EXPECT_EQ(contain(*host, "northwind", device(2, 0)).status, CORDON_OK);
}

TEST_F(Tenants, AWrongSecretIsShownForThatTenantAlone) {
  const auto host = open_with_secrets();
  ASSERT_EQ(host->set_secret("fabrikam-app", "wrong").status, CORDON_OK);
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 0)).status, CORDON_E_UNAUTHENTICATED);
  EXPECT_EQ(contain(*host, "contoso", device(0, 0)).status, CORDON_OK);
  EXPECT_EQ(health_of(*host, "contoso")["ok"], true);
  const Json problem = health_of(*host, "fabrikam")["problem"];
  EXPECT_EQ(problem["name"], "CORDON_E_UNAUTHENTICATED");
  EXPECT_NE(std::string(problem["message"]).find("AADSTS7000215"), std::string::npos) << problem;
}

TEST_F(Tenants, AReloadOfABrokenConfigChangesNothing) {
  const auto host = open_with_secrets();
  Json broken = config;
  broken["tenants_dir"] = (emulator.directory() / "nowhere").string();
  const Reply refused = host->reload(broken);
  EXPECT_EQ(refused.status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(refused.pointer(), "/tenants_dir");
  EXPECT_EQ(contain(*host, "contoso", device(0, 0)).status, CORDON_OK);
}

TEST_F(Tenants, WhatIsNotSentWaitsForARemovedTenantOrExpires) {
  const auto host = open_with_secrets();
  ASSERT_EQ(contain(*host, "contoso", device(0, 0)).status, CORDON_OK);
  ASSERT_EQ(contain(*host, "fabrikam", device(1, 2)).status, CORDON_OK);
  // Its next token can't be had.
  accept_at_service("fabrikam", {secret_of("fabrikam"), "another"});
  ASSERT_EQ(host->set_secret("fabrikam-app", "another").status, CORDON_OK);
  drop("fabrikam");
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  put("fabrikam");
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  emulator.arm_fault({{"endpoint", "POST /{tenant}/oauth2/v2.0/token"}, {"kind", "drop_before"}, {"times", nullptr}});
  const auto submit = [&](const std::string &device, int valid_for_ms) {
    return host
        ->submit("unrestrict_code_execution", request(device, {{"tenant", "fabrikam"}, {"valid_for_ms", valid_for_ms}}))
        .text;
  };
  const std::string lasting = submit(device(1, 0), 600'000), brief = submit(device(1, 1), 5'000);
  Reply waited;
  std::thread waiter([&] { waited = contain(*host, "fabrikam", device(1, 3), 120'000); });
  const auto requests = [&] {
    return host->call("list_requests", {{"filter", {{"tenant", "fabrikam"}}}}).document["requests"].size();
  };
  EXPECT_TRUE(eventually([&] { return requests() == 4; }));

  drop("fabrikam");
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  waiter.join();  // long before its time-out
  EXPECT_EQ(waited.status, CORDON_NOT_SENT) << ::testing::PrintToString(waited);
  EXPECT_EQ(waited.state(), "withdrawn");
  EXPECT_NE(text_or(waited.document, "error_text").find("fabrikam"), std::string::npos) << waited.text;
  emulator.clear_faults();
  EXPECT_EQ(contain(*host, "contoso", device(0, 1)).status, CORDON_OK);
  EXPECT_EQ(state_of(*host, lasting), "queued");
  // Expired, or withdrawn where no token could come in its time.
  EXPECT_TRUE(eventually([&] { return host->poll(brief, 0).status == CORDON_NOT_SENT; })) << host->poll(brief, 0).text;
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 2)).pointer(), "/options/tenant");
  EXPECT_EQ(actions_on(device(1, 0)), 0u) << "nothing is sent for a tenant that is not there";

  put("fabrikam");
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  const Reply done = host->poll(lasting, 120'000);
  EXPECT_EQ(done.status, CORDON_OK) << ::testing::PrintToString(done);
  EXPECT_EQ(actions_on(device(1, 0)), 1u);
  EXPECT_EQ(actions_on(device(1, 1)) + actions_on(device(1, 3)), 0u);
}

TEST_F(Tenants, WhatTheServiceHoldsIsFollowedWhenTheTenantReturns) {
  const auto host = open_with_secrets();
  Reply waited;
  std::thread waiter([&] { waited = contain(*host, "fabrikam", device(1, 3), 120'000); });
  EXPECT_TRUE(eventually([&] { return actions_on(device(1, 3)) == 1; }));
  EXPECT_TRUE(eventually([&] { return health_of(*host, "fabrikam")["in_flight"] == 1; }));
  drop("fabrikam");
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  waiter.join();
  EXPECT_EQ(waited.status, CORDON_PENDING) << ::testing::PrintToString(waited);
  const std::string id = waited.request_id();

  emulator.advance(2'000'000);
  EXPECT_EQ(host->poll(id, 30'000).status, CORDON_PENDING) << "nobody asks the service for it; and nobody waits";
  put("fabrikam");
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  const Reply done = host->poll(id, 120'000);
  EXPECT_EQ(done.status, CORDON_OK) << ::testing::PrintToString(done);
  EXPECT_EQ(actions_on(device(1, 3)), 1u);
}

TEST_F(Tenants, WhatAnEarlierProcessLeftIsTakenUpWhenTheTenantReturns) {
  std::string id;
  {
    const auto host = open_with_secrets();
    const Reply pending = host->restrict_device(device(1, 3), "c", {{"tenant", "fabrikam"}});
    ASSERT_EQ(pending.status, CORDON_PENDING) << ::testing::PrintToString(pending);
    id = pending.request_id();
  }
  drop("fabrikam");
  const auto host = open_with_secrets();
  EXPECT_EQ(host->poll(id, 0).status, CORDON_PENDING);
  emulator.advance(2'000'000);
  put("fabrikam");
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  EXPECT_EQ(host->poll(id, 120'000).status, CORDON_OK);
}

TEST_F(Tenants, AnotherCredentialServesFromItsFirstTokenOnAndTheFormerTokenUntilThen) {
  const auto host = open_with_secrets();
  ASSERT_EQ(contain(*host, "fabrikam", device(1, 0)).status, CORDON_OK);
  Json changed = tenants["fabrikam"];
  changed["credential"]["secret_name"] = "fabrikam-next";
  put("fabrikam", changed);
  ASSERT_EQ(host->set_secret("fabrikam-next", "not known there yet").status, CORDON_OK);
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 1)).status, CORDON_OK) << "by the token that is still good";
  EXPECT_TRUE(eventually([&] { return health_of(*host, "fabrikam")["ok"] == false; })) << "and what is wrong shows";
  ASSERT_EQ(host->set_secret("fabrikam-next", secret_of("fabrikam")).status, CORDON_OK);
  EXPECT_EQ(contain(*host, "fabrikam", device(1, 2)).status, CORDON_OK);
  EXPECT_TRUE(eventually([&] { return health_of(*host, "fabrikam")["ok"] == true; })) << health_of(*host, "fabrikam");
}

}  // namespace
}  // namespace cordon::test

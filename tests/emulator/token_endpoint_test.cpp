#include "emulator/token_endpoint.hpp"

#include "emulator/service_fixture.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

constexpr const char *kAudience = "https://api.securitycenter.microsoft.com";

std::string form(const App &app, const std::string &more) {
  return "grant_type=client_credentials&client_id=" + app.client_id +
         "&client_secret=" + percent_encode(app.client_secret) + more;
}
std::string scope() {
  return "&scope=" + percent_encode(std::string(kAudience) + "/.default");
}

/// "<status> <error> <AADSTS number>"
std::string outcome(const Reply &reply) {
  const Json body = Json::parse(reply.body);
  if (reply.status == 200) return "200";
  return std::to_string(reply.status) + " " + text_or(body, "error") + " " + body.at("error_codes").at(0).dump();
}

TEST(TokenEndpoint, V2AnswersWithNumbersAndV1WithTexts) {
  ServiceUnderTest s;
  const Json v2 = Json::parse(s.service.handle(s.token_request(s.tenant_id, form(s.app, scope()))).body);
  EXPECT_EQ(v2.at("expires_in"), 3599);
  EXPECT_EQ(v2.at("token_type"), "Bearer");
  const Json v1 = Json::parse(
      s.service.handle(s.token_request("contoso.example", form(s.app, "&resource=" + percent_encode(kAudience)), ""))
          .body);
  EXPECT_EQ(v1.at("expires_in"), "3599");
  EXPECT_EQ(v1.at("resource"), kAudience);
  s.token = v1.at("access_token");
  EXPECT_EQ(s.get("/api/machines").status, 200);
}

TEST(TokenEndpoint, TakesHttpBasic) {
  ServiceUnderTest s(Json{
      {"apps", {{{"name", "a"}, {"client_id", "11111111-2222-3333-4444-555555555555"}, {"client_secret", "p:s ~%"}}}}});
  Request request = s.token_request(s.tenant_id, "grant_type=client_credentials" + scope());
  // 11111111-2222-3333-4444-555555555555:p%3As+~%25
  request.authorization = "Basic MTExMTExMTEtMjIyMi0zMzMzLTQ0NDQtNTU1NTU1NTU1NTU1OnAlM0FzK34lMjU=";
  EXPECT_EQ(outcome(s.service.handle(request)), "200");
}

TEST(TokenEndpoint, SaysInItsOwnCodesWhatIsWrong) {
  ServiceUnderTest s(Json{
      {"tenants", {{{"name", "one"}}, {{"name", "gov"}, {"in_other_cloud", true}}}},
      {"apps",
       {{{"name", "good"}}, {{"name", "late"}, {"secret_expired", true}}, {{"name", "off"}, {"disabled", true}}}}});
  const auto ask = [&](const std::string &tenant, const std::string &body, const char *version = "v2.0/") {
    return outcome(s.service.handle(s.token_request(tenant, body, version)));
  };
  const auto &apps = s.service.directory().apps;
  App wrong = apps[0];
  wrong.client_secret = "wrong";
  App unknown = apps[0];
  unknown.client_id = "11111111-2222-3333-4444-555555555555";
  App bare = apps[0];
  bare.client_secret = "";
  EXPECT_EQ(ask(s.tenant_id, form(wrong, scope())), "401 invalid_client 7000215");
  EXPECT_EQ(ask(s.tenant_id, form(apps[1], scope())), "401 invalid_client 7000222");
  EXPECT_EQ(ask(s.tenant_id, form(apps[2], scope())), "400 unauthorized_client 7000112");
  EXPECT_EQ(ask(s.tenant_id, form(unknown, scope())), "400 unauthorized_client 700016");
  EXPECT_EQ(ask(s.tenant_id, form(bare, scope())), "401 invalid_client 7000218");
  EXPECT_EQ(ask("nowhere.example", form(apps[0], scope())), "400 invalid_request 90002");
  EXPECT_EQ(ask("gov.example", form(apps[0], scope())), "400 invalid_request 900432");
  EXPECT_EQ(ask(s.tenant_id, form(apps[0], "")), "400 invalid_request 900144");
  EXPECT_EQ(ask(s.tenant_id, form(apps[0], "&scope=openid")), "400 invalid_scope 70011");
  EXPECT_EQ(ask(s.tenant_id, form(apps[0], "&scope=https%3A%2F%2Fx.example%2F.default")),
            "400 invalid_resource 500011");
  EXPECT_EQ(ask(s.tenant_id, form(apps[0], scope() + "&resource=x")), "400 invalid_request 901002");
  EXPECT_EQ(ask(s.tenant_id, form(apps[0], ""), ""), "400 invalid_request 900144");
  EXPECT_EQ(ask(s.tenant_id, "client_id=x"), "400 invalid_request 900144");
  EXPECT_EQ(ask(s.tenant_id, "grant_type=password"), "400 unsupported_grant_type 70003");
  EXPECT_EQ(ask(s.tenant_id, "grant_type=%zz"), "400 invalid_request 9002313");
  Request get = s.token_request(s.tenant_id, "");
  get.method = "GET";
  EXPECT_EQ(outcome(s.service.handle(get)), "400 invalid_request 900561");
}

TEST(TokenEndpoint, ATokenForAnotherAudienceIsForbidden) {
  ServiceUnderTest s;
  s.token = s.token_for(s.app, "https://graph.microsoft.com");
  const Reply reply = s.get("/api/machines");
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(error_code(reply), "Forbidden");
}

TEST(TokenEndpoint, AnExpiredForgedOrMissingTokenIsUnauthorized) {
  ServiceUnderTest s(Json{{"timings", {{"token_lifetime_s", 100}}}});
  const std::string good = s.token;
  std::string forged = good;
  forged[forged.find('.') + 5] ^= 1;
  for (const std::string &bad : {forged, std::string(), std::string("x"), std::string("a.b.c"), good + "x"}) {
    s.token = bad;
    EXPECT_EQ(s.get("/api/machines").status, 401) << bad;
  }
  s.token = good;
  s.clock.advance(99s);
  EXPECT_EQ(s.get("/api/machines").status, 200);
  s.clock.advance(1s);
  EXPECT_EQ(s.get("/api/machines").status, 401);
}

TEST(TokenEndpoint, TokensLiveInRealTime) {
  ServiceUnderTest s(Json::object(), {.speed = 1000});
  s.service.advance(24h);
  s.clock.advance(3598s);
  EXPECT_EQ(s.get("/api/machines").status, 200);
}

TEST(TokenEndpoint, TenantsSeeOnlyTheirOwn) {
  ServiceUnderTest s(Json{{"tenants", {{{"name", "one"}}, {{"name", "two"}}}}});
  const std::string machine = s.machine();
  s.start(machine, "isolate");
  s.token = s.token_for(s.service.directory().apps[1], kAudience);
  EXPECT_EQ(s.act(machine, "isolate").status, 404);
  EXPECT_TRUE(ids(s.get("/api/machineactions")).empty());
  EXPECT_EQ(s.service.actions().at(0).at("tenantId"), s.tenant_id);
}

}  // namespace
}  // namespace cordon::emulator

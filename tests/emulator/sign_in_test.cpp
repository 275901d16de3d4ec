// The token endpoints beyond client secrets: assertions, people, managed identities, clouds (mde-api §1, §2).

#include <openssl/rsa.h>

#include <filesystem>
#include <fstream>

#include "emulator/credentials.hpp"
#include "emulator/service_fixture.hpp"
#include "support/rsa_pair.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

constexpr const char *kAudience = "https://api.securitycenter.microsoft.com";
constexpr const char *kJwtBearer = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

const test::RsaPair &pair() {
  static const test::RsaPair one;
  return one;
}

std::string outcome(const Reply &reply) {
  const Json body = Json::parse(reply.body);
  if (reply.status == 200) return "200";
  return text_or(body, "error") + " " + body.at("error_codes").at(0).dump();
}

std::string sign(const std::string &text, const std::string &algorithm) {
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  EVP_PKEY_CTX *context = nullptr;
  EVP_DigestSignInit(digest, &context, EVP_sha256(), nullptr, pair().handle());
  if (algorithm == "PS256") {
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST);
  }
  std::string out(512, '\0');
  std::size_t size = out.size();
  EVP_DigestSign(digest, reinterpret_cast<unsigned char *>(out.data()), &size,
                 reinterpret_cast<const unsigned char *>(text.data()), text.size());
  EVP_MD_CTX_free(digest);
  out.resize(size);
  return out;
}

/// A service with one application that has uploaded our certificate, on a clock of today.
class SignIn : public testing::Test {
 protected:
  explicit SignIn(const Json &more = Json::object()) : s(scenario(more)) {
    s.clock.set_utc(SystemClock().utc());
    s.service.set_origin("https://login.example.test");
  }
  static Json scenario(const Json &more) {
    Json out = {{"apps",
                 {{{"name", "app"}, {"certificates", {{{"pem", pair().certificate()}}}}},
                  {{"name", "people"}, {"public_client", true}, {"scopes", {"Machine.Read", "Machine.Isolate"}}}}}};
    out.update(more);
    return out;
  }
  const App &people() const { return s.service.directory().apps.at(1); }

  std::string assertion(const Json &claims_differ = Json::object(), const Json &header_differs = Json::object()) {
    const std::int64_t now = s.clock.utc().unix_seconds();
    Json header = {{"alg", "PS256"}, {"x5t#S256", s.app.certificates.at(0).sha256}};
    header.update(header_differs);
    Json claims = {{"aud", "https://login.example.test/" + s.tenant_id + "/oauth2/v2.0/token"},
                   {"iss", s.app.client_id},
                   {"sub", s.app.client_id},
                   {"jti", "one"},
                   {"nbf", now},
                   {"exp", now + 600}};
    claims.update(claims_differ);
    const std::string text = base64url_encode(header.dump()) + "." + base64url_encode(claims.dump());
    return text + "." + base64url_encode(sign(text, text_or(header, "alg")));
  }
  Reply ask(const std::string &jwt, const std::string &more = "") {
    return s.service.handle(
        s.token_request(s.tenant_id, "grant_type=client_credentials&client_id=" + s.app.client_id +
                                         "&client_assertion_type=" + kJwtBearer + "&client_assertion=" + jwt +
                                         "&scope=" + percent_encode(std::string(kAudience) + "/.default") + more));
  }
  Reply post(const std::string &path, const std::string &form) {
    return s.service.handle({"POST", path, "", "application/x-www-form-urlencoded", form});
  }
  Reply people_token(const std::string &form) {
    return post("/" + s.tenant_id + "/oauth2/v2.0/token", "client_id=" + people().client_id + "&" + form);
  }
  Json begin_device_code() {
    const Reply reply = post("/" + s.tenant_id + "/oauth2/v2.0/devicecode",
                             "client_id=" + people().client_id +
                                 "&scope=" + percent_encode(std::string(kAudience) + "/.default offline_access"));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body);
  }
  Reply poll(const Json &code) {
    return people_token("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=" +
                        code.at("device_code").get<std::string>());
  }

  ServiceUnderTest s;
};

TEST_F(SignIn, AnAssertionIsCheckedInEveryPart) {
  const std::int64_t now = s.clock.utc().unix_seconds();
  EXPECT_EQ(outcome(ask(assertion())), "200");
  EXPECT_EQ(outcome(ask(assertion(Json::object(), {{"alg", "RS256"}}))), "200");
  EXPECT_EQ(outcome(ask(assertion({{"aud", "https://login.example.test/contoso.example/v2.0"}}))), "200");
  EXPECT_EQ(outcome(ask(assertion({{"aud", "https://login.example.test/other/oauth2/v2.0/token"}}))),
            "invalid_client 50012");
  EXPECT_EQ(outcome(ask(assertion({{"aud", "https://elsewhere.test/" + s.tenant_id + "/oauth2/v2.0/token"}}))),
            "invalid_client 50012");
  EXPECT_EQ(outcome(ask(assertion({{"sub", people().client_id}}))), "invalid_client 50012");
  EXPECT_EQ(outcome(ask(assertion({{"jti", nullptr}}))), "invalid_client 50012");
  EXPECT_EQ(outcome(ask(assertion({{"exp", now - 600}}))), "invalid_client 700024");
  EXPECT_EQ(outcome(ask(assertion({{"exp", nullptr}}))), "invalid_client 700024");
  EXPECT_EQ(outcome(ask(assertion({{"nbf", now + 600}}))), "invalid_client 700024");
  EXPECT_EQ(outcome(ask(assertion(Json::object(), {{"x5t#S256", "unknown"}}))), "invalid_client 700027");
  EXPECT_EQ(outcome(ask(assertion(Json::object(), {{"alg", "none"}}))), "invalid_client 700027");
  EXPECT_EQ(outcome(ask(assertion({{"iss", "https://issuer.example"}}))), "invalid_request 700211");
  std::string forged = assertion();
  forged[forged.size() - 9] = forged[forged.size() - 9] == 'A' ? 'B' : 'A';
  EXPECT_EQ(outcome(ask(forged)), "invalid_client 700027");
  for (const char *text : {"x", "a.b.c", "..", "e30.e30.", "bnVsbA.bnVsbA.AA"})
    EXPECT_NE(outcome(ask(text)), "200") << text;
  EXPECT_EQ(outcome(ask("a.b.c")), "invalid_client 50012");
}

TEST_F(SignIn, APersonSignsInOnThePage) {
  const Json code = begin_device_code();
  EXPECT_EQ(code.at("interval"), 5);
  EXPECT_EQ(code.at("expires_in"), 900);
  EXPECT_EQ(outcome(poll(code)), "authorization_pending 70016");
  EXPECT_EQ(outcome(poll(code)), "slow_down 70016");
  EXPECT_NE(s.service.handle({"GET", "/devicelogin", "", "", ""}).body.find("<form"), std::string::npos);
  EXPECT_NE(post("/devicelogin", "code=WRONG").body.find("not known"), std::string::npos);
  EXPECT_NE(post("/devicelogin", "user=anna&code=" + code.at("user_code").get<std::string>()).body.find("signed in"),
            std::string::npos);
  s.clock.advance(5s);
  const Reply granted = poll(code);
  ASSERT_EQ(granted.status, 200) << granted.body;
  EXPECT_EQ(outcome(poll(code)), "bad_verification_code 70018") << "a code serves once";

  s.token = Json::parse(granted.body).at("access_token");
  EXPECT_EQ(s.get("/api/machineactions").status, 200) << "Machine.Read is the delegated name";
  EXPECT_EQ(s.act(s.machine(), "isolate").status, 201);
  EXPECT_EQ(s.service.actions().at(0).at("requestor"), "anna");
  const Reply refused = s.act(s.machine(), "restrictCodeExecution");
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(error_message(refused).find("delegated permissions (Machine.RestrictExecution)"), std::string::npos);

  const std::string refresh = "grant_type=refresh_token&refresh_token=";
  const std::string first = Json::parse(granted.body).at("refresh_token");
  const Reply again = people_token(refresh + first);
  EXPECT_NE(Json::parse(again.body).at("refresh_token"), first);
  EXPECT_EQ(outcome(people_token(refresh + first)), "200") << "the old one stays good";
  s.service.device_codes().revoke_refresh_tokens();
  EXPECT_EQ(outcome(people_token(refresh + first)), "invalid_grant 700082");
}

TEST_F(SignIn, CodesEndAndCanBeDeclined) {
  const Json late = begin_device_code(), declined = begin_device_code();
  EXPECT_TRUE(s.service.device_codes().decide(text_or(declined, "user_code"), false, "", s.clock.utc()));
  EXPECT_EQ(outcome(poll(declined)), "authorization_declined 65004");
  s.clock.advance(900s);
  EXPECT_EQ(outcome(poll(late)), "expired_token 70019");
  EXPECT_FALSE(s.service.device_codes().decide(text_or(late, "user_code"), true, "", s.clock.utc()));
}

TEST_F(SignIn, PublicAndConfidentialApplicationsAreKeptApart) {
  EXPECT_EQ(outcome(people_token("grant_type=client_credentials&client_secret=x&scope=" +
                                 percent_encode(std::string(kAudience) + "/.default"))),
            "invalid_client 700025");
  const std::string form =
      "client_id=" + s.app.client_id + "&scope=" + percent_encode(std::string(kAudience) + "/.default");
  EXPECT_EQ(outcome(post("/" + s.tenant_id + "/oauth2/v2.0/devicecode", form)), "invalid_client 7000218");
}

TEST_F(SignIn, ManagedIdentitiesWantTheirHeaders) {
  const auto ask_identity = [this](const std::string &target, std::map<std::string, std::string> headers) {
    const auto authorization = headers["authorization"];
    return s.service.handle_identity({"GET", target, authorization, "", "", std::move(headers)});
  };
  const std::string query = "?api-version=2018-02-01&resource=" + percent_encode(kAudience);
  const std::string imds = "/metadata/identity/oauth2/token";
  EXPECT_EQ(ask_identity(imds + query, {{"metadata", "true"}}).status, 200);
  EXPECT_EQ(ask_identity(imds + "/" + query, {{"metadata", "true"}}).status, 200);
  EXPECT_NE(ask_identity(imds + query, {}).body.find("bad_request_102"), std::string::npos);
  EXPECT_NE(ask_identity(imds + query, {{"metadata", "True"}}).body.find("bad_request_102"), std::string::npos);
  EXPECT_NE(
      ask_identity(imds + "?api-version=2018-02-01&resource=x", {{"metadata", "true"}}).body.find("invalid_resource"),
      std::string::npos);
  EXPECT_NE(ask_identity(imds + query + "&client_id=x", {{"metadata", "true"}}).body.find("Identity not found"),
            std::string::npos);
  const std::string app_service = "/msi/token?api-version=2019-08-01&resource=" + percent_encode(kAudience);
  EXPECT_EQ(ask_identity(app_service, {}).status, 403);
  const Json answer = Json::parse(
      ask_identity(app_service, {{"x-identity-header", s.service.identity_endpoints().app_service_header()}}).body);
  EXPECT_TRUE(answer.at("expires_on").is_string());
  EXPECT_FALSE(answer.contains("expires_in"));
  EXPECT_EQ(ask_identity("/api/machines", {}).status, 404) << "the API is not served there";
  EXPECT_EQ(s.service.handle({"GET", imds + query, "", "", "", {{"metadata", "true"}}}).status, 404)
      << "nor the identities at the API";
}

TEST_F(SignIn, TheMetadataNameTheEndpointsAsTheClientCallsThem) {
  const Reply reply = s.service.handle(
      {"GET", "/contoso.example/v2.0/.well-known/openid-configuration", "", "", "", {{"host", "localhost:8443"}}});
  EXPECT_EQ(Json::parse(reply.body).at("token_endpoint"),
            "https://localhost:8443/" + s.tenant_id + "/oauth2/v2.0/token");
  EXPECT_EQ(s.service.handle({"GET", "/nowhere.example/v2.0/.well-known/openid-configuration", "", "", ""}).status,
            400);
}

class GovernmentCloud : public SignIn {
 protected:
  GovernmentCloud() : SignIn({{"cloud", "gcc-high"}}) {}
};

TEST_F(GovernmentCloud, TakesTokensOfItsOwnAudienceOnly) {
  EXPECT_EQ(outcome(ask(assertion())), "invalid_resource 500011") << "the commercial audience is not known there";
  s.token = s.token_for(s.app, "https://api-gov.securitycenter.microsoft.us");
  EXPECT_EQ(s.get("/api/machines").status, 200);
  const Reply metadata =
      s.service.handle({"GET", "/contoso.example/v2.0/.well-known/openid-configuration", "", "", ""});
  EXPECT_EQ(Json::parse(metadata.body).at("cloud_instance_name"), "microsoftonline.us");
}

TEST(ScenarioOfApps, NamesWhatIsWrongWithACertificateOrAnIssuer) {
  const auto pointer = [](const Json &app) {
    const auto scenario = Scenario::read(Json{{"apps", {app}}}, 1);
    return scenario ? std::string("good") : scenario.error().pointer;
  };
  EXPECT_EQ(pointer({{"name", "a"}, {"certificates", {{{"pem", "x"}}}}}), "/apps/0/certificates/0");
  EXPECT_EQ(pointer({{"name", "a"}, {"certificates", {{{"file", "/no/such"}}}}}), "/apps/0/certificates/0/file");
  EXPECT_EQ(pointer({{"name", "a"}, {"federated", {{{"issuer", "i"}}}}}), "/apps/0/federated/0");
  EXPECT_EQ(pointer({{"name", "a"}, {"federated", {{{"issuer", "i"}, {"subject", "s"}, {"key_pem", "x"}}}}}),
            "/apps/0/federated/0");
}

TEST(ProvidedCredentials, StayTheSameAndAreForTheOwnerAlone) {
  std::string directory = (std::filesystem::temp_directory_path() / "cordon-credentials-XXXXXX").string();
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  App first, second;
  const UtcTicks now = SystemClock().utc();
  const auto files = provide_credentials(directory, first, now);
  ASSERT_TRUE(files) << files.error().message;
  ASSERT_TRUE(provide_credentials(directory, second, now));
  EXPECT_EQ(first.certificates.at(0).sha256, second.certificates.at(0).sha256);
  for (const auto &path : {files->certificate, files->assertion})
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::ifstream file(files->assertion);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto token = SignedToken::parse(text);
  ASSERT_TRUE(token);
  EXPECT_TRUE(token->verified_by(first.federated.at(0).key));
  EXPECT_TRUE(token->is_current(now));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cordon::emulator

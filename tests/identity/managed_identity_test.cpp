#include "identity/managed_identity.hpp"

#include <array>

#include "identity/source_fixture.hpp"

namespace cordon::identity {
namespace {

using std::chrono::seconds;

constexpr const char *kUsual = R"({"access_token":"a-token","expires_in":"3599","token_type":"Bearer"})";
constexpr const char *kVariables[] = {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT",
                                      "MSI_ENDPOINT",      "MSI_SECRET",      "IMDS_ENDPOINT"};

class IdentitySource : public SourceTest {
 protected:
  IdentitySource() { clear(); }
  ~IdentitySource() override { clear(); }
  static void clear() {
    for (const char *name : kVariables) unsetenv(name);
  }
  static Json credential(Json more = Json::object()) {
    Json out = {{"kind", "managed_identity"}, {"source", "imds"}};
    out.update(more);
    return out;
  }
  std::string url_of(const Json &one) {
    transport.script = {{200, kUsual}};
    const auto token = fetch(one);
    EXPECT_TRUE(token) << token.error().message;
    return transport.urls.back();
  }
};

TEST_F(IdentitySource, ImdsIsAskedAsItWantsToBe) {
  transport.script = {{200, kUsual}};
  const auto token = fetch(credential());
  ASSERT_TRUE(token);
  EXPECT_EQ((*token)->value.reveal(), "a-token");
  const auto &sent = transport.sent.at(0);
  EXPECT_EQ(sent.url,
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%"
            "2F%2Fapi.securitycenter.microsoft.com");
  EXPECT_EQ(sent.headers, std::vector<std::string>{"Metadata: true"});
  EXPECT_TRUE(sent.bypass_proxy);
  EXPECT_TRUE(sent.plain_http_allowed);
  EXPECT_TRUE(sent.secret_response);
  EXPECT_FALSE(sent.post);
}

TEST_F(IdentitySource, AUserAssignedIdentityIsNamedInTheServicesOwnWords) {
  EXPECT_TRUE(url_of(credential({{"identity_client_id", "c 1"}})).ends_with("&client_id=c%201"));
  EXPECT_TRUE(url_of(credential({{"identity_object_id", "o"}})).ends_with("&object_id=o"));
  EXPECT_TRUE(url_of(credential({{"identity_resource_id", "/r"}})).ends_with("&msi_res_id=%2Fr"));
  setenv("IDENTITY_ENDPOINT", "http://localhost:42356/msi/token", 1);
  setenv("IDENTITY_HEADER", "h", 1);
  const std::string url = url_of({{"kind", "managed_identity"}, {"identity_resource_id", "/r"}});
  EXPECT_TRUE(url.starts_with("http://localhost:42356/msi/token?api-version=2019-08-01&resource=")) << url;
  EXPECT_TRUE(url.ends_with("&mi_res_id=%2Fr"));
  EXPECT_EQ(transport.sent.back().secret_header, "X-IDENTITY-HEADER: h");
  EXPECT_TRUE(transport.sent.back().headers.empty());
}

TEST_F(IdentitySource, TheEnvironmentSaysWhichServiceThereIs) {
  const Json automatic = {{"kind", "managed_identity"}};
  EXPECT_TRUE(url_of(automatic).starts_with("http://169.254.169.254/"));
  setenv("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token", 1);
  setenv("IMDS_ENDPOINT", "http://localhost:40342", 1);
  EXPECT_TRUE(
      url_of(automatic).starts_with("http://127.0.0.1:40342/metadata/identity/oauth2/token?api-version=2020-06"))
      << transport.urls.back();
  setenv("IDENTITY_HEADER", "h", 1);
  EXPECT_TRUE(
      url_of(automatic).starts_with("http://localhost:40342/metadata/identity/oauth2/token?api-version=2019-08"));
  setenv("IDENTITY_SERVER_THUMBPRINT", "t", 1);
  EXPECT_EQ(make(automatic).error().status, Status::NotSupported);
  EXPECT_TRUE(url_of(credential()).starts_with("http://169.254.169.254/")) << "a source that is named is used";
}

TEST_F(IdentitySource, AnAppServiceIsKnownBesideTheVariablesItHadBefore) {
  const Json automatic = {{"kind", "managed_identity"}};
  setenv("MSI_ENDPOINT", "http://localhost:42356/old/token", 1);
  setenv("MSI_SECRET", "old", 1);
  EXPECT_EQ(make(automatic).error().status, Status::NotSupported) << "Azure ML";
  setenv("IDENTITY_ENDPOINT", "http://localhost:42356/msi/token", 1);
  setenv("IDENTITY_HEADER", "new", 1);
  const std::string url = url_of(automatic);
  EXPECT_TRUE(url.starts_with("http://localhost:42356/msi/token?api-version=2019-08-01&resource=")) << url;
  EXPECT_EQ(transport.sent.back().secret_header, "X-IDENTITY-HEADER: new");
  setenv("IDENTITY_SERVER_THUMBPRINT", "t", 1);
  EXPECT_EQ(make(automatic).error().status, Status::NotSupported) << "Service Fabric";
}

TEST_F(IdentitySource, EndpointsMustBeNear) {
  const auto pointer = [this](const char *url) {
    const auto source = make(credential({{"identity_endpoint", url}}));
    return source ? std::string("good") : source.error().pointer;
  };
  const std::string place = "/tenants/contoso/credential/identity_endpoint";
  for (const char *url : {"http://127.0.0.1:8080", "http://localhost", "http://169.254.169.254", "http://[::1]:80",
                          "https://gateway.example"})
    EXPECT_EQ(pointer(url), "good") << url;
  for (const char *url : {"http://10.0.0.1", "http://example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1",
                          "http://localhost@example.com", "127.0.0.1"})
    EXPECT_EQ(pointer(url), place) << url;
}

TEST_F(IdentitySource, TheEmulatorsServicesGiveTokens) {
  emulate(
      Json{{"apps", {{{"name", "vm"}}, {{"name", "other"}, {"client_id", "11111111-2222-4333-8444-555555555555"}}}}});
  EXPECT_TRUE(fetch(credential()));
  EXPECT_TRUE(fetch(credential({{"identity_client_id", "11111111-2222-4333-8444-555555555555"}})));
  const auto unknown = fetch(credential({{"identity_client_id", "99999999-2222-4333-8444-555555555555"}}));
  ASSERT_FALSE(unknown);
  EXPECT_FALSE(unknown.error().retryable);
  EXPECT_NE(unknown.error().message.find("does not know this identity"), std::string::npos) << unknown.error().message;

  setenv("IDENTITY_HEADER", service->identity_endpoints().app_service_header().c_str(), 1);
  const Json app_service = {
      {"kind", "managed_identity"}, {"source", "app_service"}, {"identity_endpoint", "http://127.0.0.1:1/msi/token"}};
  const auto token = fetch(app_service);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_GT((*token)->expires_at, clock.utc() + seconds(3000)) << "from expires_on, as there is no expires_in";
  setenv("IDENTITY_HEADER", "wrong", 1);
  EXPECT_NE(fetch(app_service).error().message.find("does not allow"), std::string::npos);
}

TEST_F(IdentitySource, PassingTroubleIsTriedAgainAsTheServiceWants) {
  const auto source = make(credential()).value();
  const auto wait_ms = [&](int status, const char *retry_after = "") {
    transport.script = {{status, "{}"}};
    transport.script.back().retry_after = retry_after;
    const auto token = fetch(*source);
    EXPECT_TRUE(!token && token.error().retryable) << status;
    return token ? 0 : token.error().retry_after_ms;
  };
  EXPECT_EQ(wait_ms(404), 2'000);
  EXPECT_EQ(wait_ms(500), 4'000);
  EXPECT_EQ(wait_ms(429), 8'000);
  EXPECT_EQ(wait_ms(503), 16'000);
  EXPECT_EQ(wait_ms(502), 16'000);
  EXPECT_EQ(wait_ms(410), 70'000);
  EXPECT_EQ(wait_ms(429, "40"), 40'000);
  transport.script = {{200, kUsual}};
  EXPECT_TRUE(fetch(*source));
  EXPECT_EQ(wait_ms(404), 2'000) << "a success starts over";
  transport.script = {{0, ""}};
  const auto unreachable = fetch(*source);
  EXPECT_TRUE(unreachable.error().retryable);
  EXPECT_NE(unreachable.error().message.find("in Azure"), std::string::npos);
}

TEST_F(IdentitySource, OtherRefusalsLastAndSayWhatToDo) {
  const auto says = [this](int status, const char *body, const char *words) {
    transport.script = {{status, body}};
    const auto token = fetch(credential());
    ASSERT_FALSE(token);
    EXPECT_FALSE(token.error().retryable);
    EXPECT_EQ(token.error().http_status, status);
    EXPECT_NE(token.error().message.find(words), std::string::npos) << token.error().message;
  };
  says(400, R"({"error":"bad_request_102"})", "proxy");
  says(400, R"({"error":"invalid_resource"})", "check the cloud");
  says(400, R"({"error":"invalid_request","error_description":"Identity not found"})", "assign one");
  says(401, R"({"error":"unknown_source"})", "assign one");
  says(403, "", "does not allow");
}

/// Arc's agent, whose key file the client must be able to read.
class ArcSource : public IdentitySource {
 protected:
  ArcSource() { std::filesystem::create_directory(keys); }
  Json arc() const { return {{"kind", "managed_identity"}, {"source", "arc"}, {"arc_key_dir", keys.string()}}; }
  /// The agent asks for `path`.
  Result<SharedToken> challenged(const std::string &challenge) {
    transport.sent.clear();
    test::FakeTransport::Answer first(401, "{}");
    first.headers = {{"WWW-Authenticate", challenge}};
    transport.script = {first, {200, kUsual}};
    return fetch(arc());
  }
  std::filesystem::path keys = directory / "tokens";
};

TEST_F(ArcSource, SendsTheKeyBackThatItWasAskedFor) {
  write("tokens/k.key", "k3y\n");
  const auto token = challenged("Basic realm=" + (keys / "k.key").string());
  ASSERT_TRUE(token) << token.error().message;
  ASSERT_EQ(transport.sent.size(), 2u);
  EXPECT_EQ(transport.sent[0].url,
            "http://127.0.0.1:40342/metadata/identity/oauth2/token?api-version=2020-06-01&"
            "resource=https%3A%2F%2Fapi.securitycenter.microsoft.com");
  EXPECT_EQ(transport.sent[1].secret_header, "Authorization: Basic k3y");
  EXPECT_TRUE(transport.sent[1].bypass_proxy);
  EXPECT_TRUE(challenged("Basic realm=\"" + (keys / "k.key").string() + "\""));
}

TEST_F(ArcSource, ReadsNoOtherFile) {
  write("elsewhere.key", "s3cret");
  write("tokens/k.txt", "s3cret");
  write("tokens/long.key", std::string(4097, 'k'));
  std::filesystem::create_symlink(directory / "elsewhere.key", keys / "link.key");
  std::filesystem::create_directory(keys / "sub");
  write("tokens/sub/k.key", "s3cret");
  const std::string realm = "Basic realm=";
  for (const std::string &challenge :
       {realm + (directory / "elsewhere.key").string(), realm + keys.string() + "/../elsewhere.key",
        realm + (keys / "k.txt").string(), realm + (keys / "long.key").string(), realm + (keys / "link.key").string(),
        realm + (keys / "sub" / "k.key").string(), realm + (keys / "absent.key").string(), realm, std::string("Bearer"),
        std::string()}) {
    const auto token = challenged(challenge);
    EXPECT_FALSE(token) << challenge;
    EXPECT_EQ(transport.sent.size(), 1u) << challenge;
    EXPECT_EQ(token ? "" : token.error().message.find("s3cret") == std::string::npos ? "" : "quoted", "");
  }
}

TEST_F(ArcSource, TheEmulatorsAgentIsSatisfied) {
  emulate().identity_endpoints().set_arc_key_dir(keys);
  Json credential = arc();
  credential["identity_endpoint"] = "http://127.0.0.1:1/arc";
  const auto token = fetch(credential);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_TRUE(std::filesystem::is_empty(keys)) << "a key serves once";
  EXPECT_EQ(make(Json{{"kind", "managed_identity"}, {"source", "arc"}, {"identity_client_id", "x"}}).error().pointer,
            "/tenants/contoso/credential");
}

}  // namespace
}  // namespace cordon::identity

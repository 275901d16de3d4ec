#include "identity/workload_assertion.hpp"

#include "identity/certificate.hpp"
#include "identity/source_fixture.hpp"
#include "support/rsa_pair.hpp"

namespace cordon::identity {
namespace {

const test::RsaPair &issuer() {
  static const test::RsaPair one;
  return one;
}

class WorkloadSource : public SourceTest {
 protected:
  WorkloadSource() { clock.set_utc(SystemClock().utc()); }

  static Json scenario() {
    return {{"apps",
             {{{"name", "app"},
               {"federated",
                {{{"issuer", "https://issuer.example"}, {"subject", "pod"}, {"key_pem", issuer().public_key()}}}}}}}};
  }
  /// A token of the issuer, as Kubernetes makes it.
  std::string assertion(const Json &differs = Json::object(), const test::RsaPair &signer = issuer()) const {
    const std::int64_t now = clock.utc().unix_seconds();
    Json claims = {{"iss", "https://issuer.example"},
                   {"sub", "pod"},
                   {"aud", "api://AzureADTokenExchange"},
                   {"iat", now},
                   {"exp", now + 3600}};
    claims.update(differs);
    const std::string text = base64url_encode(R"({"alg":"RS256"})") + "." + base64url_encode(claims.dump());
    const std::string pem = signer.pem();
    const Secret bytes(pem);
    const auto signature =
        ClientCertificate::load(ClientCertificate::Source(bytes)).value().sign(text, SigningAlgorithm::Rs256).value();
    return text + "." + base64url_encode(signature.reveal());
  }
  Json by_file(const std::string &text) {
    return {{"kind", "workload_identity"}, {"assertion_file", write("token", text)}};
  }
};

TEST_F(WorkloadSource, AFileIsReadAgainForEveryRequest) {
  emulate(scenario());
  const Json credential = by_file("\n" + assertion() + "\n");
  const auto source = make(credential).value();
  const std::string fingerprint = source->fingerprint();
  ASSERT_TRUE(fetch(*source));
  const std::string second = assertion({{"jti", "second"}});
  by_file(second);
  ASSERT_TRUE(fetch(*source));
  EXPECT_NE(transport.forms.back().find(second), std::string::npos);
  EXPECT_EQ(source->fingerprint(), fingerprint) << "or every renewal would cost the kept token";
}

TEST_F(WorkloadSource, AMissingFileIsNamedByItsPlaceAndNothingIsSent) {
  emulate(scenario());
  const auto token = fetch(Json{{"kind", "workload_identity"}, {"assertion_file", "/no/such/token"}});
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().pointer, "/tenants/contoso/credential/assertion_file");
  EXPECT_NE(token.error().message.find("No such file"), std::string::npos);
  EXPECT_EQ(token.error().message.find("/no/such"), std::string::npos);
  EXPECT_TRUE(transport.urls.empty());
}

TEST_F(WorkloadSource, WhatIsNoTokenIsNotSent) {
  emulate(scenario());
  for (const char *text : {"s3cret", "a.b", "a.b.c d", "{\"a\":1}"}) {
    const auto token = fetch(by_file(text));
    ASSERT_FALSE(token) << text;
    EXPECT_EQ(token.error().message.find("s3cret"), std::string::npos);
    EXPECT_NE(token.error().message.find("no JSON Web Token"), std::string::npos);
  }
  EXPECT_TRUE(transport.urls.empty());
}

TEST_F(WorkloadSource, TheServiceSaysWhichPartOfTheFederationDoesNotFit) {
  emulate(scenario());
  const auto code = [this](const std::string &text) {
    const auto token = fetch(by_file(text));
    return token ? std::string("token") : token.error().service_code;
  };
  EXPECT_EQ(code(assertion()), "token");
  EXPECT_EQ(code(assertion({{"iss", "https://other.example"}})), "AADSTS700211");
  EXPECT_EQ(code(assertion({{"sub", "other"}})), "AADSTS700213");
  EXPECT_EQ(code(assertion({{"aud", "other"}})), "AADSTS700212");
  EXPECT_EQ(code(assertion(Json::object(), test::RsaPair(1))), "AADSTS700027");
}

TEST_F(WorkloadSource, AStaleFileIsReadOnceMore) {
  emulate(scenario());
  const auto source = make(by_file(assertion({{"exp", clock.utc().unix_seconds() - 3600}}))).value();
  const auto stale = fetch(*source);
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().service_code, "AADSTS500133");
  EXPECT_FALSE(stale.error().retryable);
  EXPECT_EQ(transport.urls.size(), 2u) << "once, and once more with what is in the file by then";
}

TEST_F(WorkloadSource, AHelperPrintsTheAssertion) {
  emulate(scenario());
  const std::string text = write("printed", assertion());
  const auto by_helper = [](const Json &argv, int timeout_ms = 20'000) {
    return Json{{"kind", "workload_identity"}, {"assertion_exec", argv}, {"assertion_exec_timeout_ms", timeout_ms}};
  };
  const auto token = fetch(by_helper({"/bin/cat", text}));
  ASSERT_TRUE(token) << token.error().message;

  const auto problem = [this](const Json &credential) {
    const auto refused = fetch(credential);
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().pointer, "/tenants/contoso/credential/assertion_exec");
    return refused.error().message;
  };
  EXPECT_NE(problem(by_helper({"/bin/sh", "-c", "exit 7"})).find("exit code 7"), std::string::npos);
  EXPECT_NE(problem(by_helper({"/no/such/helper"})).find("can't be started"), std::string::npos);
  EXPECT_NE(problem(by_helper({"/bin/echo", "s3cret"})).find("no JSON Web Token"), std::string::npos);
  EXPECT_NE(problem(by_helper({"/bin/sleep", "600"}, 200)).find("within 200 ms"), std::string::npos);
}

TEST_F(WorkloadSource, AManagedIdentityProvesTheApplication) {
  const char *const object_id = "0b9d1f6a-3f7b-4c6e-9e0e-1c2d3e4f5a6b";
  emulate(Json{{"apps",
                {{{"name", "app"}, {"federated", {{{"managed_identity", object_id}}}}},
                 {{"name", "vm"}, {"object_id", object_id}, {"machine_identity", true}}}}});
  const Json credential = {{"kind", "workload_identity"}, {"assertion_identity", {{"source", "imds"}}}};
  const auto token = fetch(credential);
  ASSERT_TRUE(token) << token.error().message;
  ASSERT_EQ(transport.urls.size(), 2u);
  EXPECT_NE(transport.urls[0].find("resource=api%3A%2F%2FAzureADTokenExchange"), std::string::npos);
  EXPECT_TRUE(transport.sent[0].bypass_proxy);
  EXPECT_FALSE(transport.sent[1].bypass_proxy);

  Json other = credential;
  other["assertion_audience"] = "https://graph.microsoft.com";
  EXPECT_EQ(fetch(other).error().service_code, "AADSTS700212");
}

TEST_F(WorkloadSource, TheWebhooksEnvironmentNamesTheFile) {
  emulate(scenario());
  const std::string path = write("token", assertion());
  setenv("AZURE_FEDERATED_TOKEN_FILE", path.c_str(), 1);
  const auto token = fetch(Json{{"kind", "workload_identity"}});
  unsetenv("AZURE_FEDERATED_TOKEN_FILE");
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(make({{"kind", "workload_identity"}}).error().pointer, "/tenants/contoso/credential/assertion_file");
}

}  // namespace
}  // namespace cordon::identity

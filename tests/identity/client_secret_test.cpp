#include "identity/client_secret.hpp"

#include <gtest/gtest.h>

#include "identity/credential.hpp"
#include "identity/fake_transport.hpp"
#include "loop/scheduler.hpp"
#include "support/fake_clock.hpp"

namespace cordon::identity {
namespace {

using std::chrono::seconds;

const char *const kGoodAnswer = R"({"token_type":"Bearer","expires_in":3600,"access_token":"a-token"})";

class ClientSecret : public testing::Test {
 protected:
  Applicant applicant() {
    return {"contoso", "tenant-guid", "client-guid", "https://login.example.test", "https://aud"};
  }
  SecretReader reader() {
    return [this](const std::string &name) -> Result<Secret> {
      EXPECT_EQ(name, "contoso-app");
      if (secret.empty()) return fail(Status::VaultLocked, "the vault is locked");
      return Secret(secret);
    };
  }
  Result<SharedToken> fetch(TokenSource &source) {
    std::optional<Result<SharedToken>> out;
    loop::Scope scope(scheduler);
    scheduler.spawn(run(source, scope, out));
    scheduler.run_due();
    return out.value();
  }
  static loop::Task<void> run(TokenSource &source, loop::Scope &scope, std::optional<Result<SharedToken>> &out) {
    out = co_await source.fetch(scope);
  }

  test::FakeClock clock;
  loop::Scheduler scheduler{clock};
  test::FakeTransport transport;
  std::string secret = "p&s=w%d +~ö";
};

TEST_F(ClientSecret, AsksTheSecondVersionForAScopeWithTheSecretEncoded) {
  transport.script.emplace_back(200, kGoodAnswer);
  ClientSecretSource source(applicant(), "contoso-app", 2, transport, reader());
  const auto token = fetch(source);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ((*token)->value.reveal(), "a-token");
  EXPECT_EQ((*token)->expires_at, clock.utc() + seconds(3600));
  EXPECT_EQ(transport.urls.at(0), "https://login.example.test/tenant-guid/oauth2/v2.0/token");
  EXPECT_EQ(transport.forms.at(0),
            "grant_type=client_credentials&client_id=client-guid&scope=https%3A%2F%2Faud%2F.default"
            "&client_secret=p%26s%3Dw%25d%20%2B~%C3%B6");
  EXPECT_TRUE(transport.secret_response);
}

TEST_F(ClientSecret, AsksTheFirstVersionForAResource) {
  transport.script.emplace_back(200, R"({"expires_in":"60","access_token":"a"})");
  ClientSecretSource source(applicant(), "contoso-app", 1, transport, reader());
  ASSERT_TRUE(fetch(source));
  EXPECT_EQ(transport.urls.at(0), "https://login.example.test/tenant-guid/oauth2/token");
  EXPECT_NE(transport.forms.at(0).find("&resource=https%3A%2F%2Faud&"), std::string::npos);
}

TEST_F(ClientSecret, WithoutASecretNothingIsSent) {
  transport.script.emplace_back(200, kGoodAnswer);
  secret.clear();
  ClientSecretSource source(applicant(), "contoso-app", 2, transport, reader());
  const auto token = fetch(source);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().status, Status::VaultLocked);
  EXPECT_NE(token.error().message.find("tenant contoso"), std::string::npos);
  EXPECT_TRUE(transport.urls.empty());
  EXPECT_EQ(source.fingerprint(), "");
}

TEST_F(ClientSecret, ATroubleOfTheWayMayBeTriedAgain) {
  transport.script.emplace_back(0, "");
  ClientSecretSource source(applicant(), "contoso-app", 2, transport, reader());
  const auto token = fetch(source);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().status, Status::Network);
  EXPECT_TRUE(token.error().retryable);
}

TEST_F(ClientSecret, TheFingerprintFollowsTheSecretAndHidesIt) {
  ClientSecretSource source(applicant(), "contoso-app", 2, transport, reader());
  const std::string before = source.fingerprint();
  EXPECT_EQ(source.fingerprint(), before);
  EXPECT_EQ(before.find(secret), std::string::npos);
  secret = "another";
  EXPECT_NE(source.fingerprint(), before);
  secret = "p&s=w%d +~ö";
  Applicant other = applicant();
  other.client_id = "other-client";
  EXPECT_NE(ClientSecretSource(other, "contoso-app", 2, transport, reader()).fingerprint(), before);
}

TEST_F(ClientSecret, TheFactoryKnowsOneKindAndNamesTheRest) {
  const auto make = [this](const Json &credential) {
    return make_token_source(credential, "/tenants/contoso/credential", applicant(), transport, reader());
  };
  EXPECT_TRUE(make({{"kind", "client_secret"}, {"secret_name", "contoso-app"}}));
  const auto certificate = make({{"kind", "client_certificate"}, {"certificate_file", "/c.pem"}});
  ASSERT_FALSE(certificate);
  EXPECT_EQ(certificate.error().status, Status::NotSupported);
  EXPECT_EQ(certificate.error().pointer, "/tenants/contoso/credential/kind");
  EXPECT_EQ(make({{"kind", "client_secret"}}).error().pointer, "/tenants/contoso/credential/secret_name");
  EXPECT_EQ(make({{"kind", "client_secret"}, {"secret_name", "s"}, {"certificate_file", "/c"}}).error().pointer,
            "/tenants/contoso/credential/certificate_file");
}

}  // namespace
}  // namespace cordon::identity

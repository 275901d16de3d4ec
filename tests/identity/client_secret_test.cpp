#include "identity/client_secret.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
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
  SystemRandom random;
  std::string secret = "p&s=w%d +~ö";
};

TEST_F(ClientSecret, AsksTheSecondVersionForAScopeWithTheSecretEncoded) {
  transport.script.emplace_back(200, kGoodAnswer);
  ClientSecretSource source(TokenEndpoint(applicant(), 2, transport), "contoso-app", reader(), random);
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
  ClientSecretSource source(TokenEndpoint(applicant(), 1, transport), "contoso-app", reader(), random);
  ASSERT_TRUE(fetch(source));
  EXPECT_EQ(transport.urls.at(0), "https://login.example.test/tenant-guid/oauth2/token");
  EXPECT_NE(transport.forms.at(0).find("&resource=https%3A%2F%2Faud&"), std::string::npos);
}

TEST_F(ClientSecret, WithoutASecretNothingIsSent) {
  transport.script.emplace_back(200, kGoodAnswer);
  secret.clear();
  ClientSecretSource source(TokenEndpoint(applicant(), 2, transport), "contoso-app", reader(), random);
  const auto token = fetch(source);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().status, Status::VaultLocked);
  EXPECT_NE(token.error().message.find("tenant contoso"), std::string::npos);
  EXPECT_TRUE(transport.urls.empty());
  EXPECT_EQ(source.fingerprint(), "");
}

TEST_F(ClientSecret, ATroubleOfTheWayMayBeTriedAgain) {
  transport.script.emplace_back(0, "");
  ClientSecretSource source(TokenEndpoint(applicant(), 2, transport), "contoso-app", reader(), random);
  const auto token = fetch(source);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().status, Status::Network);
  EXPECT_TRUE(token.error().retryable);
}

TEST_F(ClientSecret, TheFingerprintFollowsTheSecretAndHidesIt) {
  ClientSecretSource source(TokenEndpoint(applicant(), 2, transport), "contoso-app", reader(), random);
  const std::string before = source.fingerprint();
  EXPECT_EQ(source.fingerprint(), before);
  EXPECT_EQ(before.find(secret), std::string::npos);
  secret = "another";
  EXPECT_NE(source.fingerprint(), before);
  secret = "p&s=w%d +~ö";
  Applicant other = applicant();
  other.client_id = "other-client";
  EXPECT_NE(ClientSecretSource(TokenEndpoint(other, 2, transport), "contoso-app", reader(), random).fingerprint(),
            before);
}

}  // namespace
}  // namespace cordon::identity

#include "identity/certificate_assertion.hpp"

#include "identity/source_fixture.hpp"
#include "support/rsa_pair.hpp"

namespace cordon::identity {
namespace {

const test::RsaPair &pair() {
  static const test::RsaPair one;
  return one;
}

class CertificateSource : public SourceTest {
 protected:
  CertificateSource() {
    clock.set_utc(SystemClock().utc());  // the certificates are of today
    file = write("client.pem", pair().pem());
  }
  static Json scenario(const std::string &pem = pair().certificate()) {
    return {{"apps", {{{"name", "app"}, {"certificates", {{{"pem", pem}}}}}}}};
  }
  Json credential(Json more = Json::object()) const {
    Json out = {{"kind", "client_certificate"}, {"certificate_file", file}};
    out.update(more);
    return out;
  }
  std::string file;
};

TEST_F(CertificateSource, EveryAlgorithmVersionAndFormEarnsAToken) {
  emulate(scenario());
  secrets["cert"] = pair().pem();
  secrets["pfx"] = pair().pfx("word");
  secrets["word"] = "word";
  const std::string key_file = write("client.key", pair().key()),
                    certificate_file = write("client.crt", pair().certificate(), std::filesystem::perms(0644));
  for (const Json &one :
       {credential(), credential({{"algorithm", "RS256"}}), credential({{"token_version", 1}}),
        credential({{"send_chain", true}}),
        Json({{"kind", "client_certificate"}, {"certificate_file", certificate_file}, {"key_file", key_file}}),
        Json({{"kind", "client_certificate"}, {"certificate_secret_name", "cert"}}),
        Json({{"kind", "client_certificate"}, {"certificate_secret_name", "pfx"}, {"password_secret_name", "word"}})}) {
    const auto token = fetch(one);
    ASSERT_TRUE(token) << one.dump() << ": " << token.error().message;
    EXPECT_FALSE((*token)->roles.empty());
  }
}

TEST_F(CertificateSource, TheAssertionIsWhatTheServiceDocuments) {
  emulate(scenario());
  ASSERT_TRUE(fetch(credential()));
  ASSERT_TRUE(fetch(credential({{"algorithm", "RS256"}})));
  std::vector<emulator::SignedToken> assertions;
  for (const std::string &form : transport.forms) {
    EXPECT_EQ(form.find("client_secret"), std::string::npos);
    const std::string name = "&client_assertion=";
    assertions.push_back(emulator::SignedToken::parse(form.substr(form.find(name) + name.size())).value());
  }
  const emulator::RegisteredCertificate known = emulator::RegisteredCertificate::read(pair().certificate()).value();
  EXPECT_EQ(assertions[0].header, Json({{"alg", "PS256"}, {"typ", "JWT"}, {"x5t#S256", known.sha256}}));
  EXPECT_EQ(assertions[1].header, Json({{"alg", "RS256"}, {"typ", "JWT"}, {"x5t", known.sha1}}));
  const Json &claims = assertions[0].claims;
  EXPECT_EQ(claims["aud"], transport.urls[0]);
  EXPECT_EQ(claims["iss"], app().client_id);
  EXPECT_EQ(claims["sub"], app().client_id);
  EXPECT_NE(claims["jti"], assertions[1].claims["jti"]);
  const std::int64_t now = clock.utc().unix_seconds();
  EXPECT_LE(claims["nbf"], now);
  EXPECT_GE(claims["exp"].get<std::int64_t>() - now, 300);
  EXPECT_LE(claims["exp"].get<std::int64_t>() - now, 660);
}

TEST_F(CertificateSource, ACertificateThatIsNotUploadedIsALastingFailure) {
  emulate(scenario(test::RsaPair(1).certificate()));
  const auto token = fetch(credential());
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().service_code, "AADSTS700027");
  EXPECT_FALSE(token.error().retryable);
  EXPECT_EQ(transport.urls.size(), 1u);
}

TEST_F(CertificateSource, AnExpiredOneIsRefusedByTheServiceAndKnownHere) {
  const test::RsaPair old(-1);
  file = write("old.pem", old.pem());
  emulate(scenario(old.certificate()));
  const auto source = make(credential()).value();
  EXPECT_LT(source->not_after().value(), clock.utc());
  EXPECT_EQ(fetch(*source).error().service_code, "AADSTS7000222");
}

TEST_F(CertificateSource, AWrongClockIsMadeGoodByTheServicesTimeOnce) {
  emulate(scenario(), std::chrono::hours(1));
  const auto token = fetch(credential());
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(transport.urls.size(), 2u);

  // A service that does not tell its time can't be helped: two attempts, then the failure lasts.
  transport.urls.clear();
  transport.handler = nullptr;
  transport.script.emplace_back(401, R"({"error":"invalid_client","error_codes":[700024]})");
  const auto refused = fetch(credential());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().service_code, "AADSTS700024");
  EXPECT_FALSE(refused.error().retryable);
  EXPECT_NE(refused.error().message.find("clock"), std::string::npos);
  EXPECT_EQ(transport.urls.size(), 2u);
}

TEST_F(CertificateSource, ARenewedFileIsUsedForTheNextTokenAndChangesTheFingerprint) {
  const test::RsaPair renewed(90);
  emulate(Json{
      {"apps",
       {{{"name", "app"}, {"certificates", {{{"pem", pair().certificate()}}, {{"pem", renewed.certificate()}}}}}}}});
  const auto source = make(credential()).value();
  const std::string before = source->fingerprint();
  EXPECT_EQ(source->fingerprint(), before);
  ASSERT_TRUE(fetch(*source));
  write("client.pem", renewed.pem());
  EXPECT_NE(source->fingerprint(), before);
  ASSERT_TRUE(fetch(*source));
  EXPECT_GT(source->not_after().value(), clock.utc() + std::chrono::hours(24 * 80));
}

TEST_F(CertificateSource, FilesThatCantBeUsedAreNamedByTheirPlaceInTheConfig) {
  emulate(scenario());
  const auto refusal = [this](const Json &one) {
    const auto token = fetch(one);
    EXPECT_FALSE(token);
    EXPECT_TRUE(transport.urls.empty()) << "nothing is sent";
    EXPECT_EQ(token.error().message.find(directory.string()), std::string::npos) << token.error().message;
    return token ? Error() : token.error();
  };
  const Error open =
      refusal(credential({{"certificate_file", write("open.pem", pair().pem(), std::filesystem::perms(0644))}}));
  EXPECT_EQ(open.status, Status::VaultPermissions);
  EXPECT_EQ(open.pointer, "/tenants/contoso/credential/certificate_file");
  EXPECT_NE(open.message.find("chmod 0400"), std::string::npos);
  EXPECT_EQ(refusal(credential({{"certificate_file", "/no/such.pem"}})).pointer,
            "/tenants/contoso/credential/certificate_file");
  EXPECT_EQ(refusal(credential({{"key_file", "/no/such.key"}})).pointer, "/tenants/contoso/credential/key_file");
  EXPECT_EQ(refusal(credential({{"certificate_file", directory.string()}})).status, Status::InvalidState);
  EXPECT_EQ(refusal(credential({{"certificate_file", write("empty", "")}})).status, Status::InvalidState);
  EXPECT_EQ(refusal({{"kind", "client_certificate"}, {"certificate_secret_name", "absent"}}).status, Status::NotFound);
  EXPECT_EQ(make(credential({{"certificate_file", "/no/such.pem"}})).value()->fingerprint(), "");
}

}  // namespace
}  // namespace cordon::identity

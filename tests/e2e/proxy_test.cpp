#include <sodium.h>

#include <optional>

#include "e2e/identity_fixture.hpp"
#include "support/squid.hpp"
#include "support/tls_server.hpp"

namespace cordon::test {
namespace {

constexpr const char *kPassword = "correct horse battery";
constexpr const char *kLogin = "worker:correct horse battery";

/// The way to the service leads through a real squid, which wants to know who asks.
class ThroughSquid : public EmulatorTest {
 protected:
  ThroughSquid() {
    config["log"] = {{"file", log_file()}, {"level", "debug"}};
    config["http"]["proxy_secret_name"] = "proxy-login";
  }
  void SetUp() override {
    if (!Squid::is_installed()) GTEST_SKIP() << "squid-openssl is not installed";
  }
  void start(Squid::Auth auth = Squid::Auth::Basic) {
    Squid::Setup setup;
    setup.auth = auth;
    setup.upstream_ca = emulator.ca_file();
    setup.client_ca = client_ca;
    squid.emplace(ca.issue(), setup);
    ASSERT_TRUE(squid->is_up());
    config["http"]["proxy"] = squid->url();
    if (auth == Squid::Auth::None) config["http"].erase("proxy_secret_name");
  }
  std::unique_ptr<Host> open_with(const std::string &login = kLogin) {
    auto host = open();
    if (!login.empty()) {
      EXPECT_EQ(host->set_secret("proxy-login", login).status, CORDON_OK);
    }
    return host;
  }
  void expect_contained(Host &host) {
    const Reply reply = host.restrict_device(machine(), "c", {{"until", "finished"}});
    EXPECT_EQ(reply.status, CORDON_OK) << ::testing::PrintToString(reply);
    EXPECT_EQ(emulator.posts(), 1);
  }
  Reply expect_refused(Host &host, std::int32_t status, const std::vector<std::string> &words) {
    Reply reply = host.restrict_device(machine(), "c", nullptr, 10'000);
    EXPECT_EQ(reply.status, status) << ::testing::PrintToString(reply);
    for (const std::string &word : words)
      EXPECT_NE(reply.message().find(word), std::string::npos) << word << " in: " << reply.message();
    EXPECT_EQ(reply.error["retryable"], false);
    EXPECT_EQ(host.poll(reply.request_id(), 0).status, CORDON_NOT_SENT);
    EXPECT_EQ(emulator.posts(), 0);
    expect_silence(reply.error.dump());
    return reply;
  }
  /// Neither the password nor what it looks like on the wire.
  void expect_silence(const std::string &text) const {
    std::string encoded(sodium_base64_encoded_len(std::string(kLogin).size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(encoded.data(), encoded.size(), reinterpret_cast<const unsigned char *>(kLogin),
                      std::string(kLogin).size(), sodium_base64_VARIANT_ORIGINAL);
    encoded.resize(12);  // so much of it is in every encoding that begins like this one
    for (const std::string &mark : {std::string(kPassword), encoded})
      EXPECT_EQ(text.find(mark), std::string::npos) << mark;
  }
  void expect_silence_on_disk() const {
    const std::string log = all_bytes_below(emulator.directory());
    EXPECT_NE(log.find("SQLite format 3"), std::string::npos);
    expect_silence(log);
  }
  std::string log_file() const { return (emulator.directory() / "client.log").string(); }
  std::string both_authorities() const {
    const std::string file = (emulator.directory() / "both.pem").string();
    std::ofstream out(file);
    for (const std::string &one : {ca.file(), emulator.ca_file()}) out << std::ifstream(one).rdbuf() << "\n";
    return file;
  }

  TestCa ca{"Corp Inspection CA"};
  std::string client_ca;
  std::optional<Squid> squid;
};

TEST_F(ThroughSquid, WithUserAndPasswordOfTheVaultContainsADevice) {
  start();
  expect_contained(*open_with());
  squid->wait_for("CONNECT");
  EXPECT_EQ(squid->count("CONNECT"), squid->count(" worker ")) << "nothing went unsigned";
  expect_silence_on_disk();
}

TEST_F(ThroughSquid, ByDigestContainsADevice) {
  start(Squid::Auth::Digest);
  config["http"]["proxy_auth"] = "digest";
  expect_contained(*open_with());
  squid->wait_for(" worker ");
  expect_silence_on_disk();
}

TEST_F(ThroughSquid, ThatAsksForDigestSaysSoToBasic) {
  start(Squid::Auth::Digest);
  const auto host = open_with();
  expect_refused(*host, CORDON_E_NETWORK, {squid->host(), "by Basic", "Digest", "http.proxy_auth"});
}

TEST_F(ThroughSquid, OverTlsContainsADeviceAndItsCertificateIsChecked) {
  start();
  config["http"]["proxy"] = squid->tls_url();
  {
    const auto host = open_with();
    expect_refused(*host, CORDON_E_TLS, {"the proxy " + squid->tls_host(), "Corp Inspection CA", "http.ca_file"});
    EXPECT_EQ(squid->count("CONNECT"), 0) << "the password was not shown to it";
  }
  config["http"]["ca_file"] = both_authorities();
  expect_contained(*open_with());
}

TEST_F(ThroughSquid, OverTlsThatWantsACertificateIsShownOne) {
  const TestCa clients("Client CA");
  client_ca = clients.file();
  start();
  config["http"]["proxy"] = squid->tls_url();
  config["http"]["ca_file"] = both_authorities();
  {
    const auto host = open_with();
    expect_refused(*host, CORDON_E_TLS,
                   {"the proxy " + squid->tls_host() + " wants a client certificate of the issuer \"CN=Client CA\"",
                    "http.client_certificate_file"});
  }
  const Identity identity = clients.issue("host-1");
  const std::filesystem::path file = emulator.directory() / "client.pem";
  std::ofstream(file) << certificate_pem(identity) << key_pem(identity);
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  config["http"]["client_certificate_file"] = file.string();
  expect_contained(*open_with());
}

TEST_F(ThroughSquid, ThatRefusesThePasswordIsNotAskedAgainUntilItChanges) {
  start();
  const auto host = open_with("worker:wrong");
  for (int i = 0; i < 4; ++i)
    expect_refused(*host, CORDON_E_NETWORK, {squid->host(), "secret proxy-login", "HTTP 407", "locked"});
  EXPECT_EQ(squid->count("407"), 1);
  ASSERT_EQ(host->set_secret("proxy-login", kLogin).status, CORDON_OK);
  expect_contained(*host);
  EXPECT_EQ(squid->count("407"), 1);
}

TEST_F(ThroughSquid, ThatWantsASignInSaysWhereToPutIt) {
  start();
  {
    const auto host = open_with("");
    expect_refused(*host, CORDON_E_NOT_FOUND, {squid->host(), "http.proxy_secret_name"});
  }
  config["http"].erase("proxy_secret_name");
  const auto host = open_with();
  expect_refused(*host, CORDON_E_NETWORK, {squid->host(), "wants a user and password", "http.proxy_secret_name"});
}

TEST_F(ThroughSquid, ThatIsGoneIsNamed) {
  start();
  const std::string name = squid->host();
  squid.reset();
  const auto host = open_with();
  const Reply reply = host->restrict_device(machine(), "c", nullptr, 2'000);
  EXPECT_EQ(reply.status, CORDON_E_NETWORK) << ::testing::PrintToString(reply);
  EXPECT_NE(reply.message().find("the proxy " + name), std::string::npos) << reply.message();
  EXPECT_NE(reply.message().find("refused"), std::string::npos) << reply.message();
}

TEST_F(ThroughSquid, IsPassedByForAHostOfNoProxy) {
  start();
  config["http"]["no_proxy"] = "other.example, localhost, 127.0.0.0/8";
  expect_contained(*open_with("worker:wrong"));
  EXPECT_EQ(squid->count("CONNECT"), 0);
}

TEST_F(ThroughSquid, ThatOpensTlsIsTrustedOnlyWithItsAuthority) {
  start(Squid::Auth::None);
  config["http"]["proxy"] = squid->inspecting_url();
  // squid compares names alone, no addresses, with the service's certificate.
  const std::string origin = "https://localhost" + emulator.url().substr(emulator.url().rfind(':'));
  for (const char *member : {"api", "login"}) config["tenant_defaults"]["cloud"][member] = origin;
  {
    const auto host = open_with();
    const Reply reply =
        expect_refused(*host, CORDON_E_TLS, {"chain ends at the issuer", "Corp Inspection CA", "http.ca_file"});
    EXPECT_EQ(reply.message().find("the proxy localhost"), std::string::npos) << "it stands in the server's place";
  }
  config["http"]["ca_file"] = both_authorities();
  expect_contained(*open_with());
  squid->wait_for("restrictCodeExecution");  // it was opened
}

TEST_F(ThroughSquid, ThatSpeaksPlainHttpIsNoServer) {
  start(Squid::Auth::None);
  config["tenant_defaults"]["cloud"]["api"] = "https://" + squid->host();
  config["http"]["proxy"] = "";
  const auto host = open_with();
  expect_refused(*host, CORDON_E_TLS, {squid->host(), "does not speak TLS"});
}

TEST_F(ThroughSquid, IsFoundByTheEnvironment) {
  start();
  const std::string from_environment = "http://worker:correct%20horse%20battery@" + squid->host();
  setenv("https_proxy", from_environment.c_str(), 1);
  unsetenv("no_proxy");
  unsetenv("NO_PROXY");
  config["http"].erase("proxy");
  config["http"].erase("proxy_secret_name");
  auto host = open_with();
  unsetenv("https_proxy");  // read once
  expect_contained(*host);
  host.reset();
  squid->wait_for(" worker ");
  expect_silence_on_disk();
}

}  // namespace
}  // namespace cordon::test

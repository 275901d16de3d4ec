#include <optional>

#include "e2e/host.hpp"
#include "support/nginx.hpp"
#include "support/tls_server.hpp"

namespace cordon::test {
namespace {

constexpr const char *kKeyPassword = "the key's own password";

/// nginx before the API. It lets pass who shows a certificate of its CA; how its own looks is for each test.
class Gateway : public EmulatorTest {
 protected:
  void SetUp() override {
    if (!Nginx::is_installed()) GTEST_SKIP() << "nginx is not installed";
  }
  std::string write(const std::string &name, const std::string &text) const {
    const std::filesystem::path path = emulator.directory() / name;
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    return path.string();
  }
  static std::string text_of(const std::string &file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void start(const Identity &identity, const std::string &more = "") {
    nginx.emplace(identity, emulator.url(), 1000, 0, more);
    ASSERT_TRUE(nginx->is_up());
    config["tenant_defaults"]["cloud"]["api"] = nginx->origin();
    config["http"]["ca_file"] = write("both.pem", ca.pem() + text_of(emulator.ca_file()));
  }
  void start_mutual() { start(ca.issue(), "ssl_client_certificate " + clients.file() + "; ssl_verify_client on;"); }
  void show(const Identity &identity, const std::string &password = "") {
    config["http"]["client_certificate_file"] = write("client.crt", certificate_pem(identity));
    config["http"]["client_key_file"] = write("client.key", key_pem(identity, password));
  }
  void expect_contained(Host &host) {
    const Reply reply = host.restrict_device(machine(), "c", {{"until", "finished"}});
    EXPECT_EQ(reply.status, CORDON_OK) << ::testing::PrintToString(reply);
    EXPECT_EQ(emulator.posts(), 1);
  }
  Reply expect_tls_error(Host &host, const std::vector<std::string> &words) {
    Reply reply = host.restrict_device(machine(), "c", nullptr, 10'000);
    EXPECT_EQ(reply.status, CORDON_E_TLS) << ::testing::PrintToString(reply);
    for (const std::string &word : words)
      EXPECT_NE(reply.message().find(word), std::string::npos) << word << " in: " << reply.message();
    EXPECT_EQ(reply.error["retryable"], false);
    EXPECT_EQ(reply.error["outcome_unknown"], false);
    EXPECT_EQ(emulator.posts(), 0);
    return reply;
  }
  std::string name() const { return nginx->origin().substr(8); }

  TestCa ca{"Gateway CA"};
  TestCa clients{"Client CA"};
  std::optional<Nginx> nginx;
};

TEST_F(Gateway, ThatKnowsTheClientsCertificateContainsADevice) {
  start_mutual();
  show(clients.issue("host-1"), kKeyPassword);
  config["http"]["client_key_password_secret_name"] = "client-key";
  const auto host = open();
  ASSERT_EQ(host->set_secret("client-key", kKeyPassword).status, CORDON_OK);
  expect_contained(*host);
}

TEST_F(Gateway, TakesACertificateOfTheVault) {
  start_mutual();
  const Identity identity = clients.issue("host-1");
  config["http"]["client_certificate_secret_name"] = "client";
  const auto host = open();
  ASSERT_EQ(host->set_secret("client", certificate_pem(identity) + key_pem(identity)).status, CORDON_OK);
  expect_contained(*host);
}

TEST_F(Gateway, ThatWantsACertificateSaysSo) {
  start_mutual();
  expect_tls_error(
      *open(), {name(), "wants a client certificate of the issuer \"CN=Client CA\"", "http.client_certificate_file"});
}

TEST_F(Gateway, BeforeTheSignInWantsACertificateToo) {
  start_mutual();
  config["tenant_defaults"]["cloud"]["login"] = nginx->origin();
  expect_tls_error(*open(), {"no token for tenant contoso", name(), "wants a client certificate"});
  show(clients.issue("host-1"));
  expect_contained(*open());
}

TEST_F(Gateway, ThatDoesNotKnowTheClientsAuthoritySaysWhoseItIs) {
  start_mutual();
  show(TestCa("Other CA").issue("host-1"));
  expect_tls_error(*open(), {name(), "does not accept the client certificate \"CN=host-1\" (issued by \"CN=Other CA\"",
                             "of the issuer \"CN=Client CA\""});
}

TEST_F(Gateway, WithAnExpiredClientCertificateRefusesUntilAReloadBringsANewOne) {
  start_mutual();
  show(clients.issue("host-1", -3600));
  const auto host = open();
  expect_tls_error(*host, {name(), "does not accept the client certificate", "good until "});
  show(clients.issue("host-1"));
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  expect_contained(*host);
}

TEST_F(Gateway, IsNotAskedWithAKeyThatDoesNotFit) {
  start_mutual();
  const Identity identity = clients.issue("host-1");
  config["http"]["client_certificate_file"] = write("client.crt", certificate_pem(identity));
  config["http"]["client_key_file"] = write("client.key", key_pem(clients.issue("host-2")));
  const auto host = open();
  expect_tls_error(*host, {"/http/client_certificate_file", "do not belong together"});
  config["http"]["client_key_file"] = write("encrypted.key", key_pem(identity, kKeyPassword));
  const Reply refused = host->reload(config);
  EXPECT_EQ(refused.status, CORDON_E_TLS);
  EXPECT_NE(refused.message().find("client_key_password_secret_name"), std::string::npos) << refused.message();
  config["http"]["client_key_file"] = write("right.key", key_pem(identity));
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  expect_contained(*host);
}

TEST_F(Gateway, IsTrustedByADirectoryOfAuthoritiesWithoutHashes) {
  start(ca.issue());
  config["http"].erase("ca_file");
  config["http"]["ca_dir"] = (emulator.directory() / "authorities").string();
  write("authorities/README", "who we trust\n");
  write("authorities/corp-root.crt", ca.pem());
  write("authorities/emulator.pem", text_of(emulator.ca_file()));
  expect_contained(*open());
}

TEST_F(Gateway, OfARotatedAuthorityIsTrustedAfterAReload) {
  start(ca.issue());
  const std::string file = write("both.pem", clients.pem() + text_of(emulator.ca_file()));
  const auto host = open();
  expect_tls_error(*host, {name(), "\"CN=Gateway CA\"", "http.ca_file"});
  write("both.pem", "no certificate any more");
  EXPECT_EQ(host->reload(config).status, CORDON_E_TLS) << "and what was in use stays";
  expect_tls_error(*host, {name(), "\"CN=Gateway CA\"", "http.ca_file"});
  write("both.pem", ca.pem() + text_of(emulator.ca_file()));
  ASSERT_EQ(host->reload(config).status, CORDON_OK);
  expect_contained(*host);
}

TEST_F(Gateway, OfAPrivateAuthorityIsNotTrustedByTheSystem) {
  start(ca.issue());
  config["tenant_defaults"]["cloud"]["login"] = nginx->origin();
  config["http"].erase("ca_file");
  expect_tls_error(*open(), {name(), "\"CN=Gateway CA\"", "the system's CAs", "http.ca_file"});
  config["http"]["ca_file"] = ca.file();
  config["http"]["system_ca"] = true;
  expect_contained(*open());
}

TEST_F(Gateway, WithAnExpiredCertificateIsRefused) {
  start(ca.issue("localhost", -3600));
  expect_tls_error(*open(), {name(), "has expired at 20", "\"CN=localhost\""});
}

TEST_F(Gateway, WithACertificateOfTomorrowGivesAHintAtTheClock) {
  start(ca.issue_between("localhost", 86'400, 2 * 86'400));
  expect_tls_error(*open(), {name(), "is not valid before 20", "clock"});
}

TEST_F(Gateway, WithACertificateForAnotherNameSaysForWhich) {
  start(ca.issue("api.example.test"));
  expect_tls_error(*open(), {name(), "another name (api.example.test)"});
}

TEST_F(Gateway, ThatOffersOldTlsOnlyIsRefused) {
  start(ca.issue(), "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;");
  expect_tls_error(*open(), {name(), "TLS older than 1.2"});
}

TEST_F(Gateway, IsReachedByIpV6) {
  const std::string address = "[::1]:" + std::to_string(free_port());
  start(ca.issue(), "listen " + address + " ssl http2;");
  config["tenant_defaults"]["cloud"]["api"] = "https://" + address;
  expect_contained(*open());
}

/// What preflight says of proxy, authorities and client certificate.
class NetworkPreflight : public Gateway {
 protected:
  void look() {
    const auto host = open();
    reply = host->call("preflight", Json::object(), 60'000);
    EXPECT_EQ(reply.status, CORDON_OK) << ::testing::PrintToString(reply);
  }
  /// "result: text" of the first entry of a check; of the one whose text holds `part`.
  std::string seen(const std::string &check, const std::string &part = "") const {
    for (const Json &one : reply.document["checks"])
      if (one["check"] == check && one["text"].get<std::string>().find(part) != std::string::npos)
        return one["result"].get<std::string>() + ": " + one["text"].get<std::string>();
    return "absent in " + reply.text;
  }
  std::string found(const std::string &check) {
    look();
    return seen(check);
  }
  Reply reply;
  static constexpr long kDay = 86'400;
};

TEST_F(NetworkPreflight, CountsTheDaysOfTheClientCertificate) {
  EXPECT_TRUE(found("client_certificate").starts_with("absent"));
  show(clients.issue("host-1", 100 * kDay));
  EXPECT_EQ(found("client_certificate"), "ok: the client certificate \"CN=host-1\" is good for 99 days");
  show(clients.issue("host-1", 10 * kDay + 3600));
  EXPECT_NE(found("client_certificate").find("warning: the client certificate \"CN=host-1\" expires in 10 days"),
            std::string::npos);
  show(clients.issue("host-1", -3600));
  EXPECT_NE(found("client_certificate").find("failed: the client certificate \"CN=host-1\" has expired at"),
            std::string::npos);
  show(clients.issue_between("host-1", kDay, 100 * kDay));
  EXPECT_NE(found("client_certificate").find("is not valid before"), std::string::npos);
  config["http"]["client_key_file"] = write("other.key", key_pem(clients.issue("host-2")));
  EXPECT_NE(found("client_certificate").find("do not belong together"), std::string::npos);
}

TEST_F(NetworkPreflight, LooksIntoTheAuthorities) {
  config["http"].erase("ca_file");
  config["http"]["ca_dir"] = (emulator.directory() / "authorities").string();
  EXPECT_NE(found("ca").find("failed: http.ca_dir can't be read"), std::string::npos);
  write("authorities/notes.txt", "who we trust\n");
  EXPECT_NE(found("ca").find("failed: http.ca_dir holds no PEM certificate"), std::string::npos);
  write("authorities/old.pem", certificate_pem(ca.issue("Old CA", -3600)));
  write("authorities/emulator.pem", text_of(emulator.ca_file()));
  look();
  EXPECT_NE(seen("ca", "without a certificate").find("warning: files of http.ca_dir without a certificate: notes.txt"),
            std::string::npos);
  EXPECT_NE(seen("ca", "Old CA").find("warning: the CA \"CN=Old CA\" has expired at"), std::string::npos);
  EXPECT_NE(seen("ca", "are trusted").find("ok: 2 certificates"), std::string::npos);
}

TEST_F(NetworkPreflight, NamesTheProxyAndItsSecret) {
  EXPECT_EQ(found("proxy"), "ok: none: servers are reached directly");
  config["http"]["proxy"] = "http://127.0.0.1:9";
  config["http"]["no_proxy"] = ".corp.example";
  config["http"]["proxy_secret_name"] = "proxy-login";
  look();
  EXPECT_EQ(seen("proxy"),
            "ok: 127.0.0.1:9, named by http.proxy, signed in with the secret proxy-login; reached directly: "
            ".corp.example");
  EXPECT_EQ(seen("proxy_secret"), "failed: the vault holds no secret proxy-login");
  EXPECT_NE(seen("api_reachable").find("the secret of the proxy 127.0.0.1:9"), std::string::npos);
}

TEST(NetworkConfig, RefusesWhatContradictsItselfByNameAndWithoutAnEcho) {
  const TempDirectory directory;
  const auto refusal = [&](const Json &http) {
    const Host host(Json{{"state_dir", (directory.path() / "state").string()},
                         {"vault", {{"file", nullptr}}},
                         {"http", http},
                         {"recover", false}});
    EXPECT_EQ(host.opened().status, CORDON_E_INVALID_ARGUMENT) << http.dump() << host.opened().message();
    EXPECT_EQ(host.opened().message().find("hunter2"), std::string::npos);
    return host.opened().pointer();
  };
  EXPECT_EQ(refusal({{"proxy", "http://worker:hunter2@proxy.example:3128"}}), "/http/proxy");
  EXPECT_EQ(refusal({{"proxy", "socks5://proxy.example:1080"}}), "/http/proxy");
  EXPECT_EQ(refusal({{"proxy", "http://proxy.example:3128/hunter2"}}), "/http/proxy");
  EXPECT_EQ(refusal({{"proxy", "http://:3128"}}), "/http/proxy");
  EXPECT_EQ(refusal({{"proxy", ""}, {"proxy_secret_name", "p"}}), "/http/proxy_secret_name");
  EXPECT_EQ(refusal({{"proxy_auth", "digest"}}), "/http/proxy_auth");
  EXPECT_EQ(refusal({{"proxy_auth", "ntlm"}, {"proxy_secret_name", "p"}}), "/http/proxy_auth");
  EXPECT_EQ(refusal({{"ca_file", "ca.pem"}}), "/http/ca_file");
  EXPECT_EQ(refusal({{"system_ca", false}}), "/http/system_ca");
  EXPECT_EQ(refusal({{"client_key_file", "/k"}}), "/http/client_key_file");
  EXPECT_EQ(refusal({{"client_certificate_file", "/c"}, {"client_certificate_secret_name", "c"}}),
            "/http/client_certificate_secret_name");
  // Nothing turns verification off, and a member that looks as if it did is refused.
  for (const char *member : {"verify", "insecure", "verify_peer", "verify_tls", "skip_verify", "tls_min_version"})
    EXPECT_EQ(refusal({{member, false}}).substr(0, 5), "/http") << member;
}

}  // namespace
}  // namespace cordon::test

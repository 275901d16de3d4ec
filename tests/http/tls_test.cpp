#include <curl/curl.h>
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdarg>
#include <filesystem>
#include <map>
#include <set>

#include "http_fixture.hpp"
#include "support/server_process.hpp"

namespace {

/// What was ever set, by option; looked at when no transfer is under way.
std::map<CURLoption, std::multiset<long>> &settings_seen() {
  static std::map<CURLoption, std::multiset<long>> seen;
  return seen;
}

}  // namespace

// Stands before libcurl's own in this program.
#undef curl_easy_setopt
extern "C" CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...) {
  using SetOption = CURLcode (*)(CURL *, CURLoption, ...);
  static const auto real = reinterpret_cast<SetOption>(dlsym(RTLD_NEXT, "curl_easy_setopt"));
  va_list arguments;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvarargs"  // libcurl says that its enumeration stands here
  va_start(arguments, option);
#pragma GCC diagnostic pop
  void *value = va_arg(arguments, void *);
  va_end(arguments);
  settings_seen()[option].insert(option < CURLOPTTYPE_OBJECTPOINT ? reinterpret_cast<long>(value) : 0);
  return real(easy, option, value);
}

namespace cordon::http {
namespace {

using testing::HasSubstr;
using testing::Not;

class Tls : public HttpTest {
 protected:
  static std::string host(const test::TlsServer &server) { return "localhost:" + std::to_string(server.port()); }
  /// A server that lets in only whom `clients` has given a certificate.
  void start_mutual(int newest_tls) {
    server.emplace(ca.issue(), answer_all("ok"));
    SSL_CTX_set_max_proto_version(server->context(), newest_tls);
    SSL_CTX_load_verify_locations(server->context(), clients.file().c_str(), nullptr);
    SSL_CTX_set_verify(server->context(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  Settings showing(const test::Identity &identity) {
    Settings settings = trusting(ca);
    settings.client_certificate_file = write("client.pem", certificate_pem(identity) + key_pem(identity));
    return settings;
  }
  Settings showing_again() const {
    Settings settings = trusting(ca);
    settings.client_certificate_file = files.directory() + "/client.pem";
    return settings;
  }
  std::string write(const std::string &name, const std::string &text) {
    const std::string path = files.directory() + "/" + name;
    std::filesystem::remove(path);
    files.write(name, text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
    return path;
  }
  Result<void> use(const Settings &settings) {
    std::promise<Result<void>> done;
    loop.scheduler().post([&] { done.set_value(transport->use(settings, Proxy::of(settings))); });
    return done.get_future().get();
  }

  test::TestCa clients{"Client CA"};
  test::ServerProcess files{"tls-files"};
  std::optional<test::TlsServer> server;
};

TEST_F(Tls, IsVerifiedWhateverTheSettingsAre) {
  const test::TestCa other;
  server.emplace(other.issue(), answer_all("ok"));
  write("ca.pem", ca.pem());
  settings_seen().clear();
  std::size_t sent = 0;
  for (const std::string &ca_file : {std::string(), ca.file()})
    for (const std::string &ca_dir : {std::string(), files.directory()})
      for (const bool system : {false, true})
        for (const bool certificate : {false, true})
          for (const char *proxy : {"", "http://127.0.0.1:1", "https://127.0.0.1:1"}) {
            Settings settings = certificate ? showing(clients.issue("host-1")) : Settings();
            settings.ca_file = ca_file;
            settings.ca_dir = ca_dir;
            settings.system_ca = system;
            settings.proxy = proxy;
            transport.emplace(loop, settings);
            const Exchange exchange = send(get(server->url()));
            EXPECT_FALSE(exchange.response);
            EXPECT_EQ(exchange.error.status, *proxy == '\0' ? Status::Tls : Status::Network) << exchange.error.message;
            ++sent;
          }
  EXPECT_TRUE(server->requests().empty());
  for (const auto &[option, value] :
       {std::pair(CURLOPT_SSL_VERIFYPEER, 1L), std::pair(CURLOPT_SSL_VERIFYHOST, 2L),
        std::pair(CURLOPT_PROXY_SSL_VERIFYPEER, 1L), std::pair(CURLOPT_PROXY_SSL_VERIFYHOST, 2L),
        std::pair(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)),
        std::pair(CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2))}) {
    EXPECT_EQ(settings_seen()[option].count(value), sent) << option;
    EXPECT_EQ(settings_seen()[option].size(), sent) << option << ": and never to something else";
  }
}

TEST_F(Tls, Of13IsUsedWhereItIsOffered) {
  std::string version;
  server.emplace(ca.issue(), [&version](Connection &connection) {
    version = connection.tls_version();
    while (connection.read_request()) connection.answer(200, "ok");
  });
  ASSERT_TRUE(send(get(server->url())).response);
  EXPECT_EQ(version, "TLSv1.3");
}

TEST_F(Tls, AServerThatLetsNobodyInWithoutACertificateSaysSo) {
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    start_mutual(newest);
    const Exchange exchange = send(post(server->url()));
    EXPECT_EQ(exchange.error.status, Status::Tls) << exchange.error.message;
    EXPECT_THAT(exchange.error.message, HasSubstr(host(*server) + " wants a client certificate"));
    EXPECT_THAT(exchange.error.message, HasSubstr("http.client_certificate_file"));
    EXPECT_TRUE(server->requests().empty());
  }
}

TEST_F(Tls, AServerThatRefusesTheCertificateSaysWhy) {
  struct Refused {
    test::Identity identity;
    const char *reason;
  };
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::vector<Refused> all;
    all.push_back({test::TestCa("Other CA").issue("host-1"), "it does not know its issuer"});
    all.push_back({clients.issue("host-1", -3600), "it says it has expired"});
    for (const Refused &one : all) {
      start_mutual(newest);
      transport.emplace(loop, showing(one.identity));
      const Exchange exchange = send(post(server->url()));
      EXPECT_EQ(exchange.error.status, Status::Tls) << exchange.error.message;
      EXPECT_THAT(exchange.error.message, HasSubstr("does not accept the client certificate \"CN=host-1\""));
      EXPECT_THAT(exchange.error.message, HasSubstr(one.reason));
      EXPECT_TRUE(server->requests().empty());
    }
  }
}

TEST_F(Tls, ACertificateThatIsTakenIsShownWithEveryNewConnection) {
  start_mutual(TLS1_3_VERSION);
  transport.emplace(loop, showing(clients.issue("host-1")));
  ASSERT_TRUE(send(post(server->url())).response);
  ASSERT_TRUE(send(post(server->url())).response);
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(Tls, NewSettingsMakeNewConnectionsAndBadOnesChangeNothing) {
  start_mutual(TLS1_3_VERSION);
  transport.emplace(loop, showing(clients.issue("host-1")));
  ASSERT_TRUE(send(post(server->url())).response);

  Settings broken = trusting(ca);
  broken.ca_file = "/nonexistent/ca.pem";
  const Result<void> refused = use(broken);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, Status::Tls);
  ASSERT_TRUE(send(post(server->url())).response);
  EXPECT_EQ(server->connections(), 1);

  ASSERT_TRUE(use(trusting(ca)));
  EXPECT_EQ(send(post(server->url())).error.status, Status::Tls) << "nobody is shown any more";
  ASSERT_TRUE(use(showing(clients.issue("host-2"))));
  ASSERT_TRUE(send(post(server->url())).response);
  const int connections = server->connections();
  ASSERT_TRUE(use(showing_again()));
  ASSERT_TRUE(send(post(server->url())).response);
  EXPECT_EQ(server->connections(), connections) << "the same again";
  ASSERT_TRUE(use(showing(clients.issue("host-3"))));
  ASSERT_TRUE(send(post(server->url())).response);
  EXPECT_EQ(server->connections(), connections + 1) << "the same file with another certificate";

  ASSERT_TRUE(use(trusting(clients)));
  EXPECT_EQ(send(post(server->url())).error.status, Status::Tls) << "no connection of those trusted before";
}

TEST_F(Tls, RotatedFilesAreNoticedAfterAFailureWithoutAReload) {
  server.emplace(ca.issue(), answer_all("ok"));
  Settings settings = trusting(clients);
  settings.ca_file = write("ca.pem", clients.pem());
  transport.emplace(loop, settings);
  EXPECT_EQ(send(get(server->url())).error.status, Status::Tls);
  write("ca.pem", ca.pem());
  EXPECT_TRUE(send(get(server->url())).response);
}

TEST_F(Tls, ADamagedBundleIsRefusedAsAWhole) {
  server.emplace(ca.issue(), answer_all("ok"));
  const std::string text = ca.pem();
  std::string damaged = text;
  damaged[damaged.size() / 2] = '!';
  Settings settings = trusting(ca);
  settings.ca_file = write("ca.pem", text + damaged);
  transport.emplace(loop, settings);
  const Exchange exchange = send(get(server->url()));
  EXPECT_EQ(exchange.error.status, Status::Tls);
  EXPECT_THAT(exchange.error.message, HasSubstr("http.ca_file is damaged behind its certificate 1"));
  EXPECT_EQ(exchange.error.pointer, "/http/ca_file");
}

TEST_F(Tls, AKeyThatOthersMayReadIsNotUsed) {
  start_mutual(TLS1_3_VERSION);
  const Settings settings = showing(clients.issue("host-1"));
  std::filesystem::permissions(settings.client_certificate_file, std::filesystem::perms(0644));
  transport.emplace(loop, settings);
  const Exchange exchange = send(get(server->url()));
  EXPECT_EQ(exchange.error.status, Status::VaultPermissions);
  EXPECT_EQ(exchange.error.pointer, "/http/client_certificate_file");
  EXPECT_EQ(server->connections(), 0);
}

}  // namespace
}  // namespace cordon::http

#include "http/proxy.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <mutex>

#include "http_fixture.hpp"

namespace cordon::http {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(NoProxy, NamesStandForAllBelowThem) {
  struct Case {
    const char *list;
    const char *host;
    bool direct;
  };
  for (const Case &one : {Case{"", "example.com", false},
                          Case{"*", "example.com", true},
                          Case{"example.com", "example.com", true},
                          Case{"example.com", "api.EXAMPLE.com", true},
                          Case{".example.com", "example.com", true},
                          Case{"example.com.", "api.example.com", true},
                          Case{"example.com", "api.example.com.", true},
                          Case{"example.com", "notexample.com", false},
                          Case{"example.com", "example.com.evil.test", false},
                          Case{"com", "example.com", true},
                          Case{"a.test, b.test\tc.test", "b.test", true},
                          Case{"a.test,,b.test", "c.test", false},
                          Case{".", "example.com", false},
                          Case{"10.1.2.3", "10.1.2.3", true},
                          Case{"10.1.2.3", "10.1.2.30", false},
                          Case{"10.0.0.0/8", "10.200.1.1", true},
                          Case{"10.0.0.0/8", "11.0.0.1", false},
                          Case{"192.168.0.0/23", "192.168.1.9", true},
                          Case{"192.168.0.0/23", "192.168.2.9", false},
                          Case{"10.0.0.0/33", "10.0.0.0", false},
                          Case{"10.0.0.0/x", "10.0.0.0", false},
                          Case{"10.0.0.0/8", "10.example.com", false},
                          Case{"[::1]", "::1", true},
                          Case{"fd00::/8", "fd12::3", true},
                          Case{"fd00::/8", "fe12::3", false},
                          Case{"0.0.0.0/0", "::1", false},
                          Case{"2.3", "10.1.2.3", false}})
    EXPECT_EQ(is_direct(one.list, one.host), one.direct) << one.list << " | " << one.host;
}

class ProxyOfTheEnvironment : public testing::Test {
 protected:
  void TearDown() override {
    for (const char *name : kNames) unsetenv(name);
  }
  void SetUp() override { TearDown(); }
  static constexpr const char *kNames[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                           "ALL_PROXY",   "no_proxy",    "NO_PROXY"};
};

TEST_F(ProxyOfTheEnvironment, CountsOnlyWhereTheSettingsLeaveItTo) {
  setenv("ALL_PROXY", "all.test:1080", 1);
  setenv("no_proxy", "direct.test", 1);
  const Proxy all = Proxy::of(Settings());
  EXPECT_EQ(all.url(), "http://all.test:1080");
  EXPECT_EQ(all.place(), "the environment's ALL_PROXY");
  EXPECT_TRUE(all.serves("https://other.test:8443/x"));
  EXPECT_FALSE(all.serves("https://api.direct.test:8443/x"));

  setenv("https_proxy", "https://worker:a%3Ab@[::1]:3129/", 1);
  const Proxy https = Proxy::of(Settings());
  EXPECT_EQ(https.url(), "https://[::1]:3129/");
  EXPECT_EQ(https.host(), "[::1]:3129");
  EXPECT_TRUE(https.speaks_tls());
  EXPECT_EQ(https.credentials().reveal(), "worker:a:b");

  setenv("https_proxy", "socks5h://worker:a@socks.test:1080", 1);  // libcurl's business
  EXPECT_EQ(Proxy::of(Settings()).url(), "socks5h://worker:a@socks.test:1080");
  EXPECT_EQ(Proxy::of(Settings()).host(), "socks.test:1080");
  EXPECT_TRUE(Proxy::of(Settings()).credentials().empty());

  Settings settings;
  settings.proxy = "";
  EXPECT_FALSE(Proxy::of(settings).serves("https://other.test/"));
  settings.proxy = "http://own.test:3128";
  settings.no_proxy = "";
  const Proxy own = Proxy::of(settings);
  EXPECT_EQ(own.place(), "http.proxy");
  EXPECT_TRUE(own.serves("https://direct.test/"));
  EXPECT_TRUE(own.credentials().empty());
}

/// A proxy that counts who shows what, and lets nobody through but the holder of the right password.
class SignIn : public HttpTest {
 protected:
  static constexpr const char *kRight = "Proxy-Authorization: Basic d29ya2VyOnJpZ2h0\r\n";  // worker:right

  void start_proxy() {
    proxy.emplace(
        ca.issue(),
        [](Connection &connection) {
          const auto request = connection.read_request();
          if (!request) return;
          const bool right = request->head.find(kRight) != std::string::npos;
          connection.answer(right ? 502 : 407, "", right ? "" : "Proxy-Authenticate: Basic realm=\"x\"\r\n");
        },
        test::TlsServer::Start::Raw);
    settings = trusting(ca);
    settings.proxy = "http://127.0.0.1:" + std::to_string(proxy->port());
    settings.proxy_secret_name = "login";
    transport.emplace(loop, settings, [this](const std::string &) -> Result<Secret> {
      const std::lock_guard lock(mutex);
      return Secret(secret);
    });
  }
  void change_secret(const std::string &to) {
    const std::lock_guard lock(mutex);
    secret = to;
  }
  std::vector<Exchange> send_many(int count) {
    std::vector<std::shared_ptr<Call>> calls;
    for (int i = 0; i < count; ++i) calls.push_back(start(get("https://api.example.test/")));
    std::vector<Exchange> out;
    for (const auto &call : calls) out.push_back(call->wait());
    return out;
  }
  std::mutex mutex;
  std::string secret = "worker:wrong";
  Settings settings;
  std::optional<test::TlsServer> proxy;
};

TEST_F(SignIn, AWrongPasswordIsShownOnceByHoweverMany) {
  start_proxy();
  for (int round = 0; round < 2; ++round)
    for (const Exchange &exchange : send_many(20)) {
      EXPECT_EQ(exchange.error.status, Status::Network) << exchange.error.message;
      EXPECT_FALSE(exchange.error.retryable);
      EXPECT_FALSE(exchange.sent);
      EXPECT_THAT(exchange.error.message, HasSubstr("127.0.0.1:" + std::to_string(proxy->port())));
      EXPECT_THAT(exchange.error.message, HasSubstr("secret login"));
      EXPECT_THAT(exchange.error.message, Not(HasSubstr("wrong")));
    }
  EXPECT_EQ(proxy->requests().size(), 1u);
}

TEST_F(SignIn, ThatFailedIsRememberedWhenTheSameSettingsAreUsedAgain) {
  start_proxy();
  send(get("https://api.example.test/"));
  std::promise<Result<void>> used;
  loop.scheduler().post([&] { used.set_value(transport->use(settings, Proxy::of(settings))); });
  ASSERT_TRUE(used.get_future().get());
  EXPECT_THAT(send(get("https://api.example.test/")).error.message, HasSubstr("HTTP 407"));
  EXPECT_EQ(proxy->requests().size(), 1u);
}

TEST_F(SignIn, AChangedPasswordIsShownAtOnce) {
  start_proxy();
  send_many(3);
  change_secret("worker:right\n");
  for (const Exchange &exchange : send_many(3)) EXPECT_THAT(exchange.error.message, HasSubstr("HTTP 502"));
  EXPECT_EQ(proxy->requests().size(), 4u);
}

TEST_F(SignIn, ARequestThatEndsWhileItIsTheFirstLetsTheNextOneTry) {
  secret = "worker:right";
  start_proxy();
  loop.scheduler().post([] {});
  const auto first = start(get("https://api.example.test/"), std::chrono::nanoseconds(1));
  EXPECT_EQ(first->wait().error.status, Status::Deadline);
  for (const Exchange &exchange : send_many(2)) EXPECT_THAT(exchange.error.message, HasSubstr("HTTP 502"));
}

TEST_F(SignIn, ASecretOfAnotherFormIsNamedAndNotShown) {
  for (const char *form : {"no colon", ":no user", "two\nlines:x"}) {
    secret = form;
    start_proxy();
    const Exchange exchange = send(get("https://api.example.test/"));
    EXPECT_EQ(exchange.error.status, Status::InvalidState);
    EXPECT_EQ(exchange.error.pointer, "/http/proxy_secret_name");
    EXPECT_THAT(exchange.error.message, HasSubstr("user:password"));
    EXPECT_THAT(exchange.error.message, Not(HasSubstr(form)));
    EXPECT_TRUE(proxy->requests().empty());
  }
}

TEST_F(SignIn, AProxyThatDoesNotAnswerIsNamedOnceTheConnectTimeOutHasPassed) {
  proxy.emplace(
      ca.issue(), [](Connection &connection) { connection.stall(); }, test::TlsServer::Start::Raw);
  settings = trusting(ca);
  settings.proxy = "http://127.0.0.1:" + std::to_string(proxy->port());
  settings.connect_timeout = std::chrono::milliseconds(50);
  transport.emplace(loop, settings);
  const Exchange exchange = send(get("https://api.example.test/"));
  EXPECT_EQ(exchange.error.status, Status::Network);
  EXPECT_TRUE(exchange.error.retryable);
  EXPECT_THAT(exchange.error.message, HasSubstr("through the proxy 127.0.0.1:" + std::to_string(proxy->port())));
}

TEST_F(SignIn, TheTokenIsNotShownToTheProxy) {
  secret = "worker:right";
  start_proxy();
  const Secret bearer("a.token");
  Request request = get("https://api.example.test/");
  request.bearer = &bearer;
  send(request);
  ASSERT_EQ(proxy->requests().size(), 1u);
  EXPECT_THAT(proxy->requests()[0].head, HasSubstr("CONNECT api.example.test:443"));
  EXPECT_THAT(proxy->requests()[0].head, Not(HasSubstr("a.token")));
}

}  // namespace
}  // namespace cordon::http

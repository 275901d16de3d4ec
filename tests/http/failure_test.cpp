#include "http/failure.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.hpp"

namespace cordon::http {
namespace {

using std::chrono::milliseconds;
using test::TlsServer;
using testing::HasSubstr;
using testing::Not;

class FailureTest : public HttpTest {
 protected:
  /// Every error names the server; none repeats its text.
  void expect(const Exchange &exchange, Status status, bool sent, const std::string &host, const char *words,
              bool retryable) {
    EXPECT_FALSE(exchange.response);
    EXPECT_EQ(exchange.error.status, status) << exchange.error.message;
    EXPECT_EQ(exchange.sent, sent) << exchange.error.message;
    EXPECT_EQ(exchange.error.retryable, retryable) << exchange.error.message;
    EXPECT_THAT(exchange.error.message, HasSubstr(host));
    EXPECT_THAT(exchange.error.message, HasSubstr(words));
  }
  static std::string host(const TlsServer &server) { return "localhost:" + std::to_string(server.port()); }
};

TEST_F(FailureTest, UntrustedCa_NamesTheSettingThatHelps) {
  const test::TestCa other;
  TlsServer server(other.issue(), answer_all("ok"));
  expect(send(post(server.url())), Status::Tls, false, host(server), "http.ca_file", false);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(FailureTest, ExpiredCertificate_SaysSo) {
  TlsServer server(ca.issue("localhost", -3600), answer_all("ok"));
  expect(send(post(server.url())), Status::Tls, false, host(server), "expired", false);
}

TEST_F(FailureTest, CertificateForAnotherName_SaysSo) {
  TlsServer server(ca.issue("api.example.test"), answer_all("ok"));
  expect(send(post(server.url())), Status::Tls, false, host(server), "another name", false);
}

TEST_F(FailureTest, MissingCaFile_SaysSo) {
  TlsServer server(ca.issue(), answer_all("ok"));
  Settings settings = trusting(ca);
  settings.ca_file = "/nonexistent/ca.pem";
  transport.emplace(loop, settings);
  expect(send(post(server.url())), Status::Tls, false, host(server), "http.ca_file", false);
}

TEST_F(FailureTest, ServerThatSpeaksPlainHttp_IsNamedAsSuch) {
  TlsServer server(
      ca.issue(),
      [](Connection &connection) {
        connection.write_plain("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        connection.stall();
      },
      TlsServer::Start::Raw);
  expect(send(post(server.url())), Status::Tls, false, host(server), "does not speak TLS", false);
}

TEST_F(FailureTest, OldTls_IsRefused) {
  TlsServer server(ca.issue(), answer_all("ok"));
  SSL_CTX_set_security_level(server.context(), 0);
  SSL_CTX_set_max_proto_version(server.context(), TLS1_1_VERSION);
  expect(send(post(server.url())), Status::Tls, false, host(server), "1.2", false);
}

TEST_F(FailureTest, RefusedConnection_SaysSo) {
  int port = 0;
  {
    const TlsServer server(ca.issue(), answer_all("ok"));
    port = server.port();
  }
  const std::string url = "https://localhost:" + std::to_string(port) + "/";
  expect(send(post(url)), Status::Network, false, "localhost:" + std::to_string(port), "refused", true);
}

TEST_F(FailureTest, UnknownName_SaysSo) {
  expect(send(post("https://nothing.cordon.invalid/api")), Status::Network, false, "nothing.cordon.invalid", "resolved",
         true);
}

TEST_F(FailureTest, UnreachableProxy_IsNamedWithItsSetting) {
  TlsServer server(ca.issue(), answer_all("ok"));
  Settings settings = trusting(ca);
  settings.proxy = "http://user:hunter2@127.0.0.1:1";
  transport.emplace(loop, settings);
  const Exchange exchange = send(post(server.url()));
  expect(exchange, Status::Network, false, host(server), "http.proxy", true);
  EXPECT_THAT(exchange.error.message, HasSubstr("through the proxy"));
  EXPECT_THAT(exchange.error.message, Not(HasSubstr("hunter2")));
}

TEST_F(FailureTest, ProxyThatRefuses_IsNamedWithItsStatus) {
  TlsServer proxy(
      ca.issue(),
      [](Connection &connection) {
        if (connection.read_request()) connection.answer(403, "");
      },
      TlsServer::Start::Raw);
  Settings settings = trusting(ca);
  settings.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  transport.emplace(loop, settings);
  expect(send(post("https://api.example.test/")), Status::Network, false, "api.example.test", "HTTP 403", true);
}

TEST_F(FailureTest, ClosedDuringTheHandshake_IsTheNetworks) {
  TlsServer server(
      ca.issue(),
      [](Connection &connection) {
        connection.wait_for_bytes();
        connection.reset();
      },
      TlsServer::Start::Raw);
  expect(send(post(server.url())), Status::Network, false, host(server), "handshake", true);
}

TEST_F(FailureTest, ResetAtOnce_IsTheNetworks) {
  TlsServer server(
      ca.issue(), [](Connection &connection) { connection.reset(); }, TlsServer::Start::Raw);
  for (int i = 0; i < 5; ++i)  // what notices it first is chance: the connecting, a write, or a read
    expect(send(post(server.url())), Status::Network, false, host(server), "check", true);
}

TEST_F(FailureTest, EmptyAnswer_SaysThatTheConnectionWasClosed) {
  TlsServer server(ca.issue(), [](Connection &connection) { connection.read_request(); });
  expect(send(post(server.url())), Status::Network, true, host(server), "closed the connection", true);
}

TEST_F(FailureTest, TruncatedBody_IsNoAnswer) {
  TlsServer server(ca.issue(), [](Connection &connection) {
    if (connection.read_request()) connection.write("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":\"1");
  });
  expect(send(post(server.url())), Status::Network, true, host(server), "completely", true);
}

TEST_F(FailureTest, BodyWithoutALengthCutByAReset_IsNoAnswer) {
  TlsServer server(ca.issue(), [](Connection &connection) {
    if (!connection.read_request()) return;
    connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"id\":\"1");
    connection.reset();
  });
  expect(send(get(server.url())), Status::Network, true, host(server), "completely", true);
}

TEST_F(FailureTest, Garbage_IsAnInvalidResponse) {
  TlsServer server(ca.issue(), [](Connection &connection) {
    if (connection.read_request()) connection.write("this is no HTTP at all, whatever you call it\r\n\r\n");
  });
  const Exchange exchange = send(post(server.url()));
  expect(exchange, Status::InvalidResponse, true, host(server), "not HTTP", true);
  EXPECT_THAT(exchange.error.message, Not(HasSubstr("whatever")));
}

TEST_F(FailureTest, TooLongABody_IsAnInvalidResponse) {
  TlsServer server(ca.issue(), answer_all(std::string(1001, 'x')));
  Request request = get(server.url());
  request.max_body = 1000;
  expect(send(request), Status::InvalidResponse, true, host(server), "1000 bytes", false);
  request.max_body = 1001;
  EXPECT_TRUE(send(request).response);
}

TEST_F(FailureTest, StalledHandshake_EndsWithTheConnectTimeOut) {
  TlsServer server(
      ca.issue(), [](Connection &connection) { connection.stall(); }, TlsServer::Start::Raw);
  Settings settings = trusting(ca);
  settings.connect_timeout = milliseconds(50);
  transport.emplace(loop, settings);
  expect(send(post(server.url())), Status::Network, false, host(server), "TLS handshake", true);
}

TEST_F(FailureTest, StalledAnswer_EndsWithTheExchangeTimeOut) {
  TlsServer server(ca.issue(), [](Connection &connection) {
    connection.read_request();
    connection.stall();
  });
  Settings settings = trusting(ca);
  settings.exchange_timeout = milliseconds(100);
  transport.emplace(loop, settings);
  expect(send(post(server.url())), Status::Network, true, host(server), "did not answer", true);
}

TEST(HostOf, NamesHostAndPortAlone) {
  EXPECT_EQ(host_of("https://api.example.test/path?x#y"), "api.example.test");
  EXPECT_EQ(host_of("https://api.example.test:8443"), "api.example.test:8443");
  EXPECT_EQ(host_of("https://user:secret@h/"), "h");
  EXPECT_EQ(host_of("https://[::1]:443/"), "[::1]:443");
}

}  // namespace
}  // namespace cordon::http

#include "http/curl_transport.hpp"

#include <gmock/gmock.h>

#include "http_fixture.hpp"

namespace cordon::http {
namespace {

using testing::HasSubstr;
using testing::Not;

class CurlTransportTest : public HttpTest {};

TEST_F(CurlTransportTest, Get_ReturnsStatusBodyAndTheHeadersOfTheAllowList) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    while (connection.read_request())
      connection.answer(
          429, "slow down",
          "Retry-After:  27 \r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nSet-Cookie: a=b\r\nRequest-Id: r1\r\n");
  });
  const Exchange exchange = send(get(server.url("/api/machines?$top=1")));
  ASSERT_TRUE(exchange.response) << exchange.error.message;
  EXPECT_EQ(exchange.response->status, 429);
  EXPECT_EQ(exchange.response->body, "slow down");
  EXPECT_EQ(exchange.response->header("Retry-After"), "27");
  EXPECT_EQ(exchange.response->header("date"), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(exchange.response->header("request-id"), "r1");
  EXPECT_EQ(exchange.response->header("set-cookie"), "");
  EXPECT_TRUE(exchange.sent);
  EXPECT_THAT(server.requests().at(0).head, HasSubstr("GET /api/machines?$top=1 HTTP/1.1\r\n"));
}

TEST_F(CurlTransportTest, Post_CarriesBodyTypeBearerAndHeaders) {
  test::TlsServer server(ca.issue(), answer_all("{}"));
  const Secret token("abc.def");
  Request request = post(server.url(), R"({"Comment":"x"})");
  request.bearer = &token;
  request.headers = {"client-request-id: 42"};
  ASSERT_TRUE(send(std::move(request)).response);
  const test::WireRequest wire = server.requests().at(0);
  EXPECT_EQ(wire.body, R"({"Comment":"x"})");
  EXPECT_THAT(wire.head, HasSubstr("\r\nAuthorization: Bearer abc.def\r\n"));
  EXPECT_THAT(wire.head, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(wire.head, HasSubstr("\r\nclient-request-id: 42\r\n"));
  EXPECT_THAT(wire.head, HasSubstr("\r\nUser-Agent: cordon\r\n"));
}

TEST_F(CurlTransportTest, Post_WithALargeBodyDoesNotWaitForAContinue) {
  test::TlsServer server(ca.issue(), answer_all("{}"));
  const std::string body(3u << 20, 'x');
  ASSERT_TRUE(send(post(server.url(), body)).response);
  const test::WireRequest wire = server.requests().at(0);
  EXPECT_EQ(wire.body.size(), body.size());
  EXPECT_THAT(wire.head, Not(HasSubstr("Expect")));
}

TEST_F(CurlTransportTest, Post_WithoutATypeNamesNone) {
  test::TlsServer server(ca.issue(), answer_all("{}"));
  ASSERT_TRUE(send(Request(Method::Post, server.url())).response);
  EXPECT_THAT(server.requests().at(0).head, Not(HasSubstr("Content-Type")));
  EXPECT_THAT(server.requests().at(0).head, HasSubstr("Content-Length: 0\r\n"));
}

TEST_F(CurlTransportTest, Delete_IsADelete) {
  test::TlsServer server(ca.issue(), answer_all(""));
  ASSERT_TRUE(send(Request(Method::Delete, server.url("/api/x"))).response);
  EXPECT_THAT(server.requests().at(0).head, HasSubstr("DELETE /api/x HTTP/1.1\r\n"));
}

TEST_F(CurlTransportTest, SecretBodies_GoOutAndComeInThroughGuardedMemory) {
  test::TlsServer server(ca.issue(), answer_all(R"({"access_token":"t"})"));
  const Secret form("client_secret=s3cret");
  Request request(Method::Post, server.url());
  request.secret_body = &form;
  request.secret_response = true;
  const Exchange exchange = send(std::move(request));
  ASSERT_TRUE(exchange.response);
  EXPECT_EQ(exchange.response->secret_body.reveal(), R"({"access_token":"t"})");
  EXPECT_TRUE(exchange.response->body.empty());
  EXPECT_EQ(server.requests().at(0).body, "client_secret=s3cret");
}

TEST_F(CurlTransportTest, Redirect_IsAnAnswerAndIsNotFollowed) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    while (connection.read_request()) connection.answer(302, "", "Location: /elsewhere\r\n");
  });
  const Exchange exchange = send(get(server.url()));
  ASSERT_TRUE(exchange.response);
  EXPECT_EQ(exchange.response->status, 302);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(CurlTransportTest, InterimAnswers_AreNotTheAnswer) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    while (connection.read_request()) {
      connection.write("HTTP/1.1 103 Early Hints\r\nRequest-Id: early\r\n\r\n");
      connection.answer(200, "done", "Request-Id: final\r\n");
    }
  });
  const Exchange exchange = send(get(server.url()));
  ASSERT_TRUE(exchange.response);
  EXPECT_EQ(exchange.response->status, 200);
  EXPECT_EQ(exchange.response->header("request-id"), "final");
}

TEST_F(CurlTransportTest, Connections_AreReused) {
  test::TlsServer server(ca.issue(), answer_all("ok"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(post(server.url())).response);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlTransportTest, TlsSessions_AreSharedByTheHandles) {
  std::atomic<int> resumed{0};
  test::TlsServer server(ca.issue(), [&](Connection &connection) {
    resumed += connection.session_was_resumed() ? 1 : 0;
    if (connection.read_request()) connection.answer(200, "ok", "Connection: close\r\n");
  });
  std::vector<std::shared_ptr<Call>> together;
  for (int i = 0; i < 4; ++i) together.push_back(start(get(server.url())));
  for (const auto &call : together) ASSERT_TRUE(call->wait().response);
  together.clear();
  const int before = resumed;
  for (int i = 0; i < 4; ++i) together.push_back(start(get(server.url())));
  for (const auto &call : together) ASSERT_TRUE(call->wait().response);
  EXPECT_EQ(server.connections(), 8);
  EXPECT_GT(resumed, before);
}

TEST_F(CurlTransportTest, TwoHundredAtOnce_AllGetTheirOwnAnswer) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    while (const auto request = connection.read_request()) connection.answer(200, "you said " + request->body);
  });
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 200; ++i) calls.push_back(start(post(server.url(), std::to_string(i))));
  for (int i = 0; i < 200; ++i) {
    const Exchange exchange = calls[static_cast<std::size_t>(i)]->wait();
    ASSERT_TRUE(exchange.response) << exchange.error.message;
    EXPECT_EQ(exchange.response->body, "you said " + std::to_string(i));
  }
  EXPECT_EQ(server.requests().size(), 200u);
  EXPECT_LE(server.connections(), 64);
}

TEST_F(CurlTransportTest, PlainHttp_WorksOnlyWhenTheRequestAllowsIt) {
  test::TlsServer server(ca.issue(), answer_all("token"), test::TlsServer::Start::Raw);
  Request request(Method::Get, "http://127.0.0.1:" + std::to_string(server.port()) + "/metadata");
  Exchange exchange = send(request);
  EXPECT_FALSE(exchange.response);
  EXPECT_EQ(exchange.error.status, Status::Tls);
  EXPECT_THAT(exchange.error.message, HasSubstr("https://"));
  EXPECT_FALSE(exchange.sent);
  EXPECT_EQ(server.connections(), 0);

  request.plain_http_allowed = true;
  request.bypass_proxy = true;
  exchange = send(request);
  ASSERT_TRUE(exchange.response) << exchange.error.message;
  EXPECT_EQ(exchange.response->body, "token");
}

TEST_F(CurlTransportTest, Ended_IsNotBeforeTheAnswer) {
  test::TlsServer server(ca.issue(), answer_all("ok"));
  const BootTime before = clock.now();
  const Exchange exchange = send(get(server.url()));
  EXPECT_GT(exchange.ended, before);
  EXPECT_LE(exchange.ended, clock.now());
}

TEST_F(CurlTransportTest, MalformedRequests_AreRefusedBeforeAnythingHappens) {
  const Secret token("abc\r\nX-Evil: 1");
  std::vector<Request> requests;
  for (const char *url :
       {"https", "https://", "https://u:p@localhost/", "https://localhost/a b", "https://localhost/\n"})
    requests.push_back(get(url));
  requests.push_back(get("https://localhost/"));
  requests.back().headers = {"A: b\r\nX-Evil: 1"};
  requests.push_back(get("https://localhost/"));
  requests.back().bearer = &token;
  for (const Request &request : requests) {
    const Exchange exchange = send(request);
    EXPECT_FALSE(exchange.response);
    EXPECT_FALSE(exchange.sent);
    EXPECT_THAT(exchange.error.status, testing::AnyOf(Status::InvalidArgument, Status::Tls)) << request.url;
    EXPECT_THAT(exchange.error.message, Not(HasSubstr("u:p")));
    EXPECT_THAT(exchange.error.message, Not(HasSubstr("abc")));
  }
}

}  // namespace
}  // namespace cordon::http

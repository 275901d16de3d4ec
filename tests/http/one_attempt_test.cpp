#include <gmock/gmock.h>

#include "http_fixture.hpp"

namespace cordon::http {
namespace {

using testing::HasSubstr;

class OneAttempt : public HttpTest {
 protected:
  /// Answers the first request; then hangs up on the first connection once it has read another one.
  static void hang_up_on_the_second(Connection &connection) {
    for (int i = 0; connection.read_request(); ++i) {
      if (connection.number() == 0 && i == 1) return connection.reset();
      connection.answer(200, "ok");
    }
  }
};

TEST_F(OneAttempt, Post_OnAReusedConnectionThatDiesIsWrittenOnceAndSaysSent) {
  test::TlsServer server(ca.issue(), &hang_up_on_the_second);
  ASSERT_TRUE(send(post(server.url(), "first")).response);
  const Exchange exchange = send(post(server.url(), "second"));
  EXPECT_FALSE(exchange.response);
  EXPECT_TRUE(exchange.sent);
  EXPECT_EQ(exchange.error.status, Status::Network);
  EXPECT_THAT(exchange.error.message, HasSubstr("closed the connection"));
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[1].body, "second");
}

TEST_F(OneAttempt, Delete_OnAReusedConnectionThatDiesIsWrittenOnce) {
  test::TlsServer server(ca.issue(), &hang_up_on_the_second);
  ASSERT_TRUE(send(get(server.url())).response);
  const Exchange exchange = send(Request(Method::Delete, server.url()));
  EXPECT_FALSE(exchange.response);
  EXPECT_TRUE(exchange.sent);
  EXPECT_EQ(server.requests().size(), 2u);
}

// The same server, the same history: libcurl does repeat what may be repeated. So the tests above can fail.
TEST_F(OneAttempt, Get_OnAReusedConnectionThatDiesIsRepeated) {
  test::TlsServer server(ca.issue(), &hang_up_on_the_second);
  ASSERT_TRUE(send(get(server.url())).response);
  const Exchange exchange = send(get(server.url()));
  ASSERT_TRUE(exchange.response) << exchange.error.message;
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(OneAttempt, Post_OnAReusedConnectionAndAServerThatIsGoneThenStillSaysSent) {
  std::optional<test::TlsServer> server;
  server.emplace(ca.issue(), [](Connection &connection) {
    if (connection.read_request()) connection.answer(200, "ok");
    if (connection.read_request()) connection.stall();
  });
  const std::string url = server->url();
  ASSERT_TRUE(send(post(url)).response);
  const auto call = start(post(url));
  server->wait_for_requests(2);
  server.reset();
  const Exchange exchange = call->wait();
  EXPECT_FALSE(exchange.response);
  EXPECT_TRUE(exchange.sent);
  EXPECT_THAT(exchange.error.message, HasSubstr("before it had answered"));
}

TEST_F(OneAttempt, Post_AfterTheServerClosedTheIdleConnectionGoesOutOnANewOne) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    if (connection.read_request()) connection.answer(200, "ok");
  });
  ASSERT_TRUE(send(post(server.url(), "first")).response);
  server.wait_for_ended(1);
  const Exchange exchange = send(post(server.url(), "second"));
  ASSERT_TRUE(exchange.response) << exchange.error.message;
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(OneAttempt, Get_WithManyIdleConnectionsThatTheServerClosedStillGetsItsAnswer) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    if (!connection.read_request()) return;
    if (connection.number() < 12) connection.server().wait_for_requests(12);
    connection.answer(200, "ok");
  });
  std::vector<std::shared_ptr<Call>> together;
  for (int i = 0; i < 12; ++i) together.push_back(start(get(server.url())));
  for (const auto &call : together) ASSERT_TRUE(call->wait().response);
  server.wait_for_ended(12);
  const Exchange exchange = send(get(server.url()));
  ASSERT_TRUE(exchange.response) << exchange.error.message;
  EXPECT_EQ(server.requests().size(), 13u);
}

TEST_F(OneAttempt, Post_ToAServerThatClosesEveryConnectionAtOnceIsTheNetworks) {
  test::TlsServer server(ca.issue(), [](Connection &) {});
  const Exchange exchange = send(post(server.url()));
  EXPECT_FALSE(exchange.response);
  EXPECT_EQ(exchange.error.status, Status::Network);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(OneAttempt, Post_OnANewConnectionThatIsResetIsWrittenOnceAndSaysSent) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    if (connection.read_request()) connection.reset();
  });
  const Exchange exchange = send(post(server.url()));
  EXPECT_FALSE(exchange.response);
  EXPECT_TRUE(exchange.sent);
  EXPECT_EQ(exchange.error.status, Status::Network);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(OneAttempt, FiftyPosts_OnConnectionsThatAllDieAreWrittenOnceEach) {
  test::TlsServer server(ca.issue(), [](Connection &connection) {
    const auto first = connection.read_request();
    if (first && first->body == "warm-up") connection.answer(200, "ok");
    if (first && first->body != "warm-up") return connection.reset();
    if (connection.read_request()) connection.reset();
  });
  std::vector<std::shared_ptr<Call>> warm_up;
  for (int i = 0; i < 50; ++i) warm_up.push_back(start(post(server.url(), "warm-up")));
  for (const auto &call : warm_up) call->wait();
  const std::size_t before = server.requests().size();

  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 50; ++i) calls.push_back(start(post(server.url(), std::to_string(i))));
  for (const auto &call : calls) EXPECT_TRUE(call->wait().sent);
  EXPECT_EQ(server.requests().size(), before + 50);
}

}  // namespace
}  // namespace cordon::http

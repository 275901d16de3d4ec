#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "http_fixture.hpp"
#include "support/nginx.hpp"

namespace cordon::http {
namespace {

using testing::HasSubstr;

class Http2 : public HttpTest {
 protected:
  void SetUp() override {
    if (!test::Nginx::is_installed()) GTEST_SKIP() << "nginx is not installed";
  }
  void start_front(test::TlsServer::Script script, int keepalive_requests = 1000) {
    backend.emplace(ca.issue(), std::move(script), test::TlsServer::Start::Raw);
    front.emplace(ca.issue(), fmt::format("http://127.0.0.1:{}", backend->port()), keepalive_requests);
  }
  std::string front_connection(const test::WireRequest &request) const {
    const auto at = request.head.find("X-Front: ");
    return request.head.substr(at, request.head.find("\r\n", at) - at);
  }
  std::optional<test::TlsServer> backend;
  std::optional<test::Nginx> front;
};

TEST_F(Http2, OneConnection_CarriesManyRequestsAtOnce) {
  start_front([](Connection &connection) {
    if (const auto request = connection.read_request()) {
      if (request->body != "warm-up") connection.server().wait_for_requests(31);
      connection.answer(200, "you said " + request->body);
    }
  });
  ASSERT_TRUE(send(post(front->url(), "warm-up")).response);
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 30; ++i) calls.push_back(start(post(front->url(), std::to_string(i))));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Exchange exchange = calls[i]->wait();
    ASSERT_TRUE(exchange.response) << exchange.error.message;
    EXPECT_EQ(exchange.response->body, "you said " + std::to_string(i));
  }
  std::set<std::string> connections;
  for (const auto &request : backend->requests()) connections.insert(front_connection(request));
  EXPECT_EQ(connections.size(), 1u);
  EXPECT_THAT(*connections.begin(), HasSubstr("HTTP/2.0"));
}

TEST_F(Http2, CancelledStream_LeavesTheOthersAlone) {
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  start_front([gone](Connection &connection) {
    const auto request = connection.read_request();
    if (request && request->body != "warm-up") gone.wait();
    connection.answer(200, "ok");
  });
  ASSERT_TRUE(send(post(front->url(), "warm-up")).response);
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(start(post(front->url())));
  backend->wait_for_requests(11);
  Call::cancel(calls[4], Status::Interrupted);
  EXPECT_EQ(calls[4]->wait().error.status, Status::Interrupted);
  go.set_value();
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (i != 4) {
      const Exchange exchange = calls[i]->wait();
      EXPECT_TRUE(exchange.response) << exchange.error.message;
    }
}

TEST_F(Http2, ServerThatGoesAwayAgainAndAgain_GetsEveryPostOnce) {
  start_front(answer_all("ok"), 3);
  for (int i = 0; i < 30; ++i) {
    const Exchange exchange = send(post(front->url(), std::to_string(i)));
    EXPECT_TRUE(exchange.response) << i << " " << exchange.error.message;
  }
  std::multiset<std::string> bodies;
  for (const auto &request : backend->requests()) bodies.insert(request.body);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(bodies.count(std::to_string(i)), 1u) << i;
}

TEST_F(Http2, FrontThatDies_LeavesPostsSentAndUnanswered) {
  start_front([](Connection &connection) {
    connection.read_request();
    connection.stall();
  });
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(start(post(front->url(), std::to_string(i))));
  backend->wait_for_requests(10);
  front.reset();
  for (const auto &call : calls) {
    const Exchange exchange = call->wait();
    EXPECT_FALSE(exchange.response);
    EXPECT_TRUE(exchange.sent);
    EXPECT_EQ(exchange.error.status, Status::Network);
  }
  EXPECT_EQ(backend->requests().size(), 10u);
}

}  // namespace
}  // namespace cordon::http

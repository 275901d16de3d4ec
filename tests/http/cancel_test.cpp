#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "http_fixture.hpp"

namespace cordon::http {
namespace {

using std::chrono::milliseconds;
using test::TlsServer;

/// A listening socket whose queue is full: whoever connects to it waits.
class FullListener {
 public:
  FullListener() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    bind(listener_, reinterpret_cast<sockaddr *>(&address_), size);
    listen(listener_, 0);
    getsockname(listener_, reinterpret_cast<sockaddr *>(&address_), &size);
    while (connects()) {
    }
  }
  ~FullListener() {
    for (const int fd : fillers_) close(fd);
    close(listener_);
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/"; }

 private:
  bool connects() {
    const int fd = fillers_.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(fd, reinterpret_cast<const sockaddr *>(&address_), sizeof address_);
    pollfd ready{fd, POLLOUT, 0};
    return fillers_.size() < 64 && poll(&ready, 1, 200) == 1;
  }
  int listener_;
  sockaddr_in address_{};
  std::vector<int> fillers_;
};

class Cancel : public HttpTest {
 protected:
  static void expect(const Exchange &exchange, Status status, bool sent) {
    EXPECT_FALSE(exchange.response);
    EXPECT_EQ(exchange.error.status, status) << exchange.error.message;
    EXPECT_EQ(exchange.sent, sent);
    EXPECT_THAT(exchange.error.message,
                testing::AnyOf(testing::HasSubstr("localhost:"), testing::HasSubstr("127.0.0.1:")));
  }
  static void stall_before_the_handshake(Connection &connection) { connection.stall(); }
  static void stall_before_the_answer(Connection &connection) {
    connection.read_request();
    connection.stall();
  }
  static void stall_in_the_body(Connection &connection) {
    if (connection.read_request()) connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    connection.stall();
  }
};

TEST_F(Cancel, Deadline_WhileConnectingSaysNotSent) {
  const FullListener nobody;
  expect(send(post(nobody.url()), milliseconds(50)), Status::Deadline, false);
}

TEST_F(Cancel, Deadline_InTheHandshakeSaysNotSent) {
  TlsServer server(ca.issue(), &stall_before_the_handshake, TlsServer::Start::Raw);
  expect(send(post(server.url()), milliseconds(50)), Status::Deadline, false);
  server.wait_for_ended(1);
}

TEST_F(Cancel, Deadline_WhileWaitingForTheAnswerSaysSent) {
  TlsServer server(ca.issue(), &stall_before_the_answer);
  expect(send(post(server.url()), milliseconds(500)), Status::Deadline, true);
  server.wait_for_ended(1);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(Cancel, Deadline_InTheBodySaysSent) {
  TlsServer server(ca.issue(), &stall_in_the_body);
  expect(send(post(server.url()), milliseconds(500)), Status::Deadline, true);
  server.wait_for_ended(1);
}

TEST_F(Cancel, Deadline_ThatHasPassedBeforeTheStartOpensNoConnection) {
  TlsServer server(ca.issue(), answer_all("ok"));
  expect(send(post(server.url()), nanoseconds(0)), Status::Deadline, false);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(Cancel, Interrupt_InTheHandshakeSaysNotSentAndClosesTheConnection) {
  TlsServer server(ca.issue(), &stall_before_the_handshake, TlsServer::Start::Raw);
  const auto call = start(post(server.url()));
  server.wait_for_connections(1);
  Call::cancel(call, Status::Interrupted);
  expect(call->wait(), Status::Interrupted, false);
  server.wait_for_ended(1);
}

TEST_F(Cancel, Interrupt_WhileWaitingForTheAnswerSaysSentAndClosesTheConnection) {
  TlsServer server(ca.issue(), &stall_before_the_answer);
  const auto call = start(post(server.url()));
  server.wait_for_requests(1);
  Call::cancel(call, Status::Interrupted);
  expect(call->wait(), Status::Interrupted, true);
  server.wait_for_ended(1);
}

TEST_F(Cancel, Shutdown_DuringManyTransfersEndsThemAll) {
  TlsServer server(ca.issue(), &stall_before_the_answer);
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(start(post(server.url())));
  server.wait_for_requests(20);
  for (const auto &call : calls) Call::cancel(call, Status::ShuttingDown);
  for (const auto &call : calls) expect(call->wait(), Status::ShuttingDown, true);
  loop.stop();
}

TEST_F(Cancel, Deadline_WhileWaitingForAFreeConnectionSaysNotSentAndSendsNothingLater) {
  TlsServer server(ca.issue(), &stall_before_the_answer);
  std::vector<std::shared_ptr<Call>> holders;
  for (int i = 0; i < 64; ++i) holders.push_back(start(post(server.url(), "holder")));
  server.wait_for_requests(64);
  expect(send(post(server.url(), "late"), milliseconds(100)), Status::Deadline, false);
  for (const auto &call : holders) Call::cancel(call, Status::Interrupted);
  for (const auto &call : holders) call->wait();
  server.wait_for_ended(64);
  for (const auto &request : server.requests()) EXPECT_EQ(request.body, "holder");
}

TEST_F(Cancel, Answer_ThatCameFirstStands) {
  TlsServer server(ca.issue(), answer_all("ok"));
  for (int i = 0; i < 50; ++i) {
    const auto call = start(get(server.url()));
    server.wait_for_requests(static_cast<std::size_t>(i) + 1);
    Call::cancel(call, Status::Interrupted);  // somewhere around the answer
    const Exchange exchange = call->wait();
    EXPECT_TRUE(exchange.sent);
    if (!exchange.response) {
      EXPECT_EQ(exchange.error.status, Status::Interrupted);
    }
  }
}

/// The system's clock, until the process has stood still.
class InterruptedClock final : public Clock {
 public:
  BootTime now() const override { return system_.now() + nanoseconds(missed_); }
  UtcTicks utc() const override { return system_.utc(); }
  const std::string &boot_id() const override { return system_.boot_id(); }
  void stand_still(nanoseconds how_long) { missed_ += how_long.count(); }

 private:
  SystemClock system_;
  std::atomic<nanoseconds::rep> missed_{0};
};

TEST(StandingStill, PastTheDeadlineOnTheWayToTheServerSendsNothing) {
  const test::TestCa ca;
  TlsServer server(ca.issue(), [](TlsServer::Connection &connection) {
    while (const auto request = connection.read_request()) {
      if (request->body == "warm-up") connection.server().wait_for_requests(2);  // on two connections
      connection.answer(200, "ok");
    }
  });
  InterruptedClock clock;
  Settings settings;
  settings.ca_file = ca.file();
  settings.proxy = "";
  loop::CurlLoop loop(clock);
  CurlTransport transport(loop, settings);
  loop.start();
  const auto post = [&](const char *body) {
    Request request(Method::Post, server.url());
    request.body = body;
    return request;
  };
  const auto one = Call::start(loop, transport, post("warm-up"));
  ASSERT_TRUE(Call::start(loop, transport, post("warm-up"))->wait().response && one->wait().response);

  // Both have a connection; between the one's leaving and the other's, no timer has its turn.
  Request first = post("first");
  first.departing = [&clock] { clock.stand_still(std::chrono::hours(1)); };
  std::shared_ptr<Call> departed;
  std::shared_ptr<Call> late;
  std::promise<void> started;
  loop.scheduler().post([&] {
    departed = Call::start(loop, transport, std::move(first));
    late = Call::start(loop, transport, post("late"), std::chrono::minutes(10));
    started.set_value();
  });
  started.get_future().wait();
  const Exchange exchange = late->wait();
  EXPECT_EQ(exchange.error.status, Status::Deadline) << exchange.error.message;
  EXPECT_FALSE(exchange.sent);
  EXPECT_TRUE(departed->wait().response);
  for (const auto &request : server.requests()) EXPECT_NE(request.body, "late");
  loop.stop();
}

TEST(Destruction, Loop_DestroyedInTheMiddleOfTransfersDropsThem) {
  const test::TestCa ca;
  TlsServer server(ca.issue(), [](TlsServer::Connection &connection) {
    connection.read_request();
    connection.stall();
  });
  const SystemClock clock;
  Settings settings;
  settings.ca_file = ca.file();
  settings.proxy = "";
  std::vector<std::shared_ptr<Call>> calls;
  auto loop = std::make_unique<loop::CurlLoop>(clock);
  auto transport = std::make_unique<CurlTransport>(*loop, settings);
  loop->start();
  for (int i = 0; i < 8; ++i) {
    Request request(Method::Post, server.url());
    calls.push_back(Call::start(*loop, *transport, std::move(request)));
  }
  server.wait_for_requests(8);
  loop->stop();
  server.wait_for_ended(8);
  transport.reset();
  loop.reset();
  for (const auto &call : calls) EXPECT_EQ(call.use_count(), 1);
}

TEST(Destruction, Transport_MayGoBeforeTheAnswer) {
  const test::TestCa ca;
  std::promise<void> go;
  TlsServer server(ca.issue(), [&](TlsServer::Connection &connection) {
    if (!connection.read_request()) return;
    go.get_future().wait();
    connection.answer(200, "late");
  });
  const SystemClock clock;
  loop::CurlLoop loop(clock);
  Settings settings;
  settings.ca_file = ca.file();
  settings.proxy = "";
  auto transport = std::make_unique<CurlTransport>(loop, settings);
  loop.start();
  const auto call = Call::start(loop, *transport, Request(Method::Get, server.url()));
  server.wait_for_requests(1);
  std::promise<void> gone;
  loop.scheduler().post([&] {
    transport.reset();
    gone.set_value();
  });
  gone.get_future().wait();
  go.set_value();
  EXPECT_EQ(call->wait().response->body, "late");
}

}  // namespace
}  // namespace cordon::http

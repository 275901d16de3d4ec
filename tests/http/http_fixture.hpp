#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "http/curl_transport.hpp"
#include "loop/curl_loop.hpp"
#include "support/tls_server.hpp"

namespace cordon::http {

/// A request under way on the loop, as a blocking caller sees it.
class Call {
 public:
  Call(loop::CurlLoop &loop, Request request, std::optional<nanoseconds> time_out)
      : loop_(loop), request_(std::move(request)), time_out_(time_out) {}

  static std::shared_ptr<Call> start(loop::CurlLoop &loop, Transport &transport, Request request,
                                     std::optional<nanoseconds> time_out = {}) {
    auto call = std::make_shared<Call>(loop, std::move(request), time_out);
    loop.scheduler().post([call, &transport] { call->loop_.scheduler().spawn(run(call, transport)); });
    return call;
  }
  Exchange wait() { return end_.get_future().get(); }
  static void cancel(std::shared_ptr<Call> call, Status reason) {
    call->loop_.scheduler().post([call, reason] {
      if (call->scope_) call->scope_->cancel(reason);
    });
  }

 private:
  static loop::Task<void> run(std::shared_ptr<Call> call, Transport &transport) {
    loop::Scheduler &scheduler = call->loop_.scheduler();
    std::optional<BootTime> deadline;
    if (call->time_out_) deadline = scheduler.now() + *call->time_out_;
    call->scope_.emplace(scheduler, deadline);
    Exchange exchange = co_await transport.send(call->request_, *call->scope_);
    call->scope_.reset();
    call->end_.set_value(std::move(exchange));
  }

  loop::CurlLoop &loop_;
  Request request_;
  std::optional<nanoseconds> time_out_;
  std::optional<loop::Scope> scope_;
  std::promise<Exchange> end_;
};

/// A running loop and a transport that trusts `ca`.
class HttpTest : public testing::Test {
 protected:
  using Connection = test::TlsServer::Connection;

  HttpTest() { loop.start(); }
  Settings trusting(const test::TestCa &authority) const {
    Settings settings;
    settings.ca_file = authority.file();
    settings.proxy = "";
    return settings;
  }
  std::shared_ptr<Call> start(Request request, std::optional<nanoseconds> time_out = {}) {
    if (!transport) transport.emplace(loop, trusting(ca));
    return Call::start(loop, *transport, std::move(request), time_out);
  }
  Exchange send(Request request, std::optional<nanoseconds> time_out = {}) {
    return start(std::move(request), time_out)->wait();
  }

  static Request post(std::string url, std::string body = "{}") {
    Request request(Method::Post, std::move(url));
    request.body = std::move(body);
    request.content_type = "application/json";
    return request;
  }
  static Request get(std::string url) { return Request(Method::Get, std::move(url)); }

  SystemClock clock;
  test::TestCa ca;
  loop::CurlLoop loop{clock};
  std::optional<CurlTransport> transport;
};

/// Answers every request of every connection with 200 and `body`.
inline test::TlsServer::Script answer_all(std::string body) {
  return [body = std::move(body)](test::TlsServer::Connection &connection) {
    while (connection.read_request()) connection.answer(200, body);
  };
}

}  // namespace cordon::http

#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "http/transport.hpp"
#include "loop/wait.hpp"

namespace cordon::test {

/// Answers from a script, each after a delay on the virtual clock; the last one is repeated.
class FakeTransport final : public http::Transport {
 public:
  struct Answer {
    Answer(int status_, std::string body_) : status(status_), body(std::move(body_)) {}
    int status;  ///< 0: the connection fails
    std::string body;
    std::string retry_after;
    nanoseconds delay{0};
    std::vector<std::pair<std::string, std::string>> headers;
  };
  /// What was sent, as far as it can be copied.
  struct Sent {
    std::string url, form, secret_header;
    std::vector<std::string> headers;
    bool bypass_proxy, plain_http_allowed, secret_response, post;
  };

  loop::Task<http::Exchange> send(const http::Request &request, loop::Scope &scope) override {
    urls.push_back(request.url);
    forms.emplace_back(request.secret_body != nullptr ? request.secret_body->reveal() : std::string_view());
    secret_response = request.secret_response;
    sent.push_back(
        {request.url, forms.back(),
         std::string(request.secret_header != nullptr ? request.secret_header->reveal() : std::string_view()),
         request.headers, request.bypass_proxy, request.plain_http_allowed, request.secret_response,
         request.method == http::Method::Post});
    const Answer answer = next(request);
    http::Exchange exchange;
    if (answer.delay > nanoseconds(0)) {
      const BootTime when = scope.scheduler().now() + answer.delay;
      auto slept = co_await loop::sleep_until(when, scope);
      if (!slept) {
        exchange.error = std::move(slept.error());
        co_return exchange;
      }
    }
    if (answer.status == 0) {
      exchange.error = Error(Status::Network, "login.example.test: the connection was refused").retry();
      co_return exchange;
    }
    exchange.response.emplace();
    exchange.response->status = answer.status;
    exchange.response->secret_body = Secret(answer.body);
    exchange.response->headers = answer.headers;
    if (!answer.retry_after.empty()) exchange.response->headers.emplace_back("Retry-After", answer.retry_after);
    exchange.sent = true;
    co_return exchange;
  }

  std::deque<Answer> script;
  std::function<Answer(const http::Request &)> handler;  ///< instead of the script
  std::vector<std::string> urls;
  std::vector<std::string> forms;
  std::vector<Sent> sent;
  bool secret_response = false;

 private:
  Answer next(const http::Request &request) {
    if (handler) return handler(request);
    Answer answer = script.front();
    if (script.size() > 1) script.pop_front();
    return answer;
  }
};

}  // namespace cordon::test

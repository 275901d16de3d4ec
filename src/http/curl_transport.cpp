#include "http/curl_transport.hpp"

#include <fmt/format.h>

#include <utility>

#include "http/failure.hpp"
#include "http/transfer.hpp"
#include "loop/wait.hpp"

namespace cordon::http {
namespace {

/// A transfer's time in the loop; taken out of it when the coroutine is destroyed in the middle.
class InLoop {
 public:
  InLoop(loop::CurlLoop &loop, CURL *easy, std::function<void(CURLcode)> done) : loop_(loop), easy_(easy) {
    loop_.add(easy_, std::move(done));
  }
  ~InLoop() { remove(); }
  InLoop(const InLoop &) = delete;
  InLoop &operator=(const InLoop &) = delete;
  void remove() { loop_.remove(easy_); }

 private:
  loop::CurlLoop &loop_;
  CURL *easy_;
};

/// Runs a configured handle; nullopt when the scope was cancelled before its end.
loop::Task<std::optional<CURLcode>> run(loop::CurlLoop &loop, CURL *easy, loop::Scope &scope) {
  if (scope.reason()) co_return std::nullopt;
  const loop::OneShot<std::optional<CURLcode>> end(scope.scheduler());
  InLoop in_loop(loop, easy, [end](CURLcode code) { end.set(code); });
  const loop::CancelHook hook(scope, [&in_loop, end] {
    if (end.is_set()) return;
    in_loop.remove();
    end.set(std::nullopt);
  });
  co_return co_await end.take();
}

Error cancelled(const Transfer &transfer, const loop::Scope &scope) {
  const char *doing = transfer.sent() ? "waiting for the answer of" : "connecting to";
  return scope.error(fmt::format("{} {}", doing, host_of(transfer.request().url)));
}

}  // namespace

CurlTransport::CurlTransport(loop::CurlLoop &loop, Settings settings)
    : loop_(loop),
      settings_(std::make_shared<const Settings>(std::move(settings))),
      pool_(std::make_shared<HandlePool>()) {}

CurlTransport::~CurlTransport() = default;

loop::Task<Exchange> CurlTransport::send(const Request &request, loop::Scope &scope) {
  loop::CurlLoop &curl_loop = loop_;
  const auto settings = settings_;  // this object may be gone when the answer comes
  Exchange exchange;
  if (const auto sendable = check(request); !sendable || scope.reason()) {
    exchange.error = sendable ? scope.error(fmt::format("connecting to {}", host_of(request.url))) : sendable.error();
    exchange.ended = scope.scheduler().now();
    co_return exchange;
  }

  Transfer transfer(pool_, *settings, request, curl_loop.sockets());
  std::optional<CURLcode> code = co_await run(curl_loop, transfer.easy(), scope);
  if (code && transfer.found_dead_connection()) {
    transfer.use_new_connection();
    code = co_await run(curl_loop, transfer.easy(), scope);
  }

  exchange.sent = transfer.sent();
  exchange.ended = scope.scheduler().now();
  if (code == CURLE_OK)
    exchange.response.emplace(transfer.take_response());
  else
    exchange.error = code ? describe_failure(*code, transfer) : cancelled(transfer, scope);
  co_return exchange;
}

}  // namespace cordon::http

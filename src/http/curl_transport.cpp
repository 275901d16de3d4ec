#include "http/curl_transport.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/text.hpp"
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

/// Tells the sign-in at the proxy what this transfer has shown about it.
void learn(Way &way, std::optional<CURLcode> code, const Transfer &transfer) {
  if (!way.sign_in) return;
  if (transfer.sent() || code == CURLE_OK || transfer.proxy_status() == 200)
    way.sign_in->accepted();
  else if (transfer.proxy_status() == kProxyWantsSignIn)
    way.sign_in->refused(transfer.proxy_offers());
}

}  // namespace

/// Everything that settings decide, as one: who has begun with it ends with it.
struct CurlTransport::Network {
  Network(loop::Scheduler &scheduler, Settings settings_, Proxy proxy_, const SecretReader &read_secret)
      : settings(std::move(settings_)),
        proxy(std::move(proxy_)),
        sign_in(std::make_shared<ProxySignIn>(scheduler, settings, proxy, read_secret)),
        tls(settings, read_secret) {}

  loop::Task<Result<Way>> way_of(const Request &request, loop::Scope &scope) {
    Way way(settings);
    if (to_lower(request.url).starts_with("https://")) {
      auto material = tls.current(scope.scheduler().now());
      if (!material) {
        Error error = std::move(material.error());
        error.message = fmt::format("no connection to {}: {}", host_of(request.url), error.message);
        co_return fail(std::move(error));
      }
      way.material = std::move(*material);
    }
    if (!request.bypass_proxy && proxy.serves(request.url)) way.proxy = &proxy;
    if (way.proxy != nullptr && sign_in->needed()) {
      auto turn = co_await ProxySignIn::enter(sign_in, scope);
      if (!turn) co_return fail(std::move(turn.error()));
      way.sign_in = std::move(*turn);
    }
    co_return way;
  }

  const Settings settings;
  const Proxy proxy;
  const std::shared_ptr<ProxySignIn> sign_in;
  TlsSource tls;
};

CurlTransport::CurlTransport(loop::CurlLoop &loop, const Settings &settings, SecretReader read_secret)
    : loop_(loop),
      read_secret_(
          read_secret
              ? std::move(read_secret)
              : [](const std::string
                       &) { return Result<Secret>(fail(Status::VaultLocked, "there is no vault to hold it")); }),
      network_(std::make_shared<Network>(loop.scheduler(), settings, Proxy::of(settings), read_secret_)),
      pool_(std::make_shared<HandlePool>()) {}

CurlTransport::~CurlTransport() = default;

Result<void> CurlTransport::use(Settings settings, Proxy proxy) {
  std::shared_ptr<Network> network = network_;
  // The same again keeps what it knows: connections, and whether the proxy has refused the password.
  if (settings != network->settings || !proxy.equals(network->proxy))
    network = std::make_shared<Network>(loop_.scheduler(), std::move(settings), std::move(proxy), read_secret_);
  if (auto renewed = network->tls.renew(); !renewed && renewed.error().status != Status::VaultLocked) return renewed;
  network_ = std::move(network);
  return {};
}

const Proxy &CurlTransport::proxy() const {
  return network_->proxy;
}

loop::Task<Exchange> CurlTransport::send(const Request &request, loop::Scope &scope) {
  loop::CurlLoop &curl_loop = loop_;
  const auto network = network_;  // this object may be gone when the answer comes
  const auto pool = pool_;
  Exchange exchange;
  if (const auto sendable = check(request); !sendable || scope.reason()) {
    exchange.error = sendable ? scope.error(fmt::format("connecting to {}", host_of(request.url))) : sendable.error();
    exchange.ended = scope.scheduler().now();
    co_return exchange;
  }

  for (;;) {
    Result<Way> way = co_await network->way_of(request, scope);
    if (!way) {
      exchange.error = std::move(way.error());
      exchange.ended = scope.scheduler().now();
      co_return exchange;
    }
    Transfer transfer(pool, *way, request, scope, curl_loop.sockets());
    std::optional<CURLcode> code = co_await run(curl_loop, transfer.easy(), scope);
    if (code && transfer.found_dead_connection()) {
      transfer.use_new_connection();
      code = co_await run(curl_loop, transfer.easy(), scope);
    }
    learn(*way, code, transfer);
    // Refused by the proxy: the vault may hold a newer secret by now; the next turn knows.
    if (way->sign_in && way->sign_in->was_refused()) continue;

    exchange.sent = transfer.sent();
    exchange.ended = scope.scheduler().now();
    if (code == CURLE_OK)
      exchange.response.emplace(transfer.take_response());
    else
      exchange.error =
          code && !transfer.came_too_late() ? describe_failure(*code, transfer) : cancelled(transfer, scope);
    if (code && exchange.error.status == Status::Tls && !exchange.response) network->tls.look_again();
    co_return exchange;
  }
}

}  // namespace cordon::http

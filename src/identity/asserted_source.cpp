#include "identity/asserted_source.hpp"

#include <array>

namespace cordon::identity {
namespace {

/// The assertion is outside its time (mde-api §2.2): a slow clock, or a file that has been replaced meanwhile.
bool is_stale(const Error &error) {
  return error.service_code == "AADSTS700024" || error.service_code == "AADSTS500133";
}

}  // namespace

AssertedSource::AssertedSource(TokenEndpoint endpoint, std::unique_ptr<AssertionMaker> maker)
    : endpoint_(std::move(endpoint)), maker_(std::move(maker)) {}

loop::Task<TokenExchange> AssertedSource::attempt(Which which, UtcTicks now, loop::Scope &scope) {
  TokenExchange out;
  Result<Secret> assertion;
  if (which == Which::Present)
    assertion = co_await maker_->make(endpoint_.url(), now, scope);
  else
    assertion = co_await maker_->make_with_former(endpoint_.url(), now, scope);
  if (!assertion) {
    out.granted = fail(endpoint_.explain(std::move(assertion.error())));
    co_return out;
  }
  SecretForm form = endpoint_.client_credentials(assertion->size());
  form.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  form.add("client_assertion", assertion->reveal());
  *assertion = Secret();
  out = co_await endpoint_.ask(form.body(), scope);
  co_return out;
}

loop::Task<Result<SharedToken>> AssertedSource::fetch(loop::Scope &scope) {
  return fetch(Which::Present, scope);
}

loop::Task<Result<SharedToken>> AssertedSource::fetch_with_former(loop::Scope &scope) {
  return fetch(Which::Former, scope);
}

loop::Task<Result<SharedToken>> AssertedSource::fetch(Which which, loop::Scope &scope) {
  TokenExchange exchange = co_await attempt(which, scope.scheduler().clock().utc(), scope);
  if (!exchange.granted && is_stale(exchange.granted.error())) {
    const UtcTicks service_time = exchange.service_time.value_or(scope.scheduler().clock().utc());
    exchange = co_await attempt(which, service_time, scope);
    if (!exchange.granted && is_stale(exchange.granted.error())) exchange.granted.error().retryable = false;
  }
  if (!exchange.granted) co_return fail(std::move(exchange.granted.error()));
  maker_->prove();
  co_return std::move(exchange.granted->token);
}

}  // namespace cordon::identity

#include "identity/device_code.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/secure_json.hpp"
#include "base/text.hpp"
#include "identity/secure_member.hpp"
#include "loop/wait.hpp"

namespace cordon::identity {
namespace {

using std::chrono::seconds;

constexpr seconds kUsualInterval(5);
constexpr seconds kSlowDown(5);
constexpr seconds kLongestInterval(60);
constexpr std::int64_t kLongestLife_s = 3600;

/// `fallback` when it is no number above 0.
std::int64_t positive_or(const SecureJson &json, const char *key, std::int64_t fallback) {
  const std::int64_t number = number_of(json, key);
  return number > 0 ? number : fallback;
}

Result<DeviceCode> parse_device_code(std::string_view body, BootTime asked, UtcTicks asked_utc) {
  const auto refuse = [](const char *problem) {
    return fail(Status::InvalidResponse, fmt::format("the sign-in service answered 200, but {}", problem));
  };
  const auto json = parse_secure_json(body, "device code", JsonLimits{64 * 1024, 16});
  if (!json || !json->is_object()) return refuse("its body is no JSON object");
  DeviceCode code;
  code.device_code = Secret(text_of(*json, "device_code"));
  code.user_code = printable(text_of(*json, "user_code"), 64);
  code.verification_uri = printable(text_of(*json, "verification_uri"), 512);
  code.message = printable(text_of(*json, "message"), 512);
  if (code.device_code.empty() || code.user_code.empty()) return refuse("there is no device_code and user_code in it");
  if (!code.verification_uri.starts_with("https://"))
    return refuse("its verification_uri does not begin with https://");
  const seconds life(std::clamp<std::int64_t>(positive_or(*json, "expires_in", 900), 1, kLongestLife_s));
  code.expires = asked + life;
  code.expires_at = asked_utc + life;
  code.interval = seconds(
      std::clamp<std::int64_t>(positive_or(*json, "interval", kUsualInterval.count()), 1, kLongestInterval.count()));
  return code;
}

}  // namespace

DeviceCodeSource::DeviceCodeSource(Applicant applicant, http::Transport &transport, RefreshTokens &refresh_tokens)
    : endpoint_(std::move(applicant), 2, transport), transport_(transport), refresh_tokens_(refresh_tokens) {}

void DeviceCodeSource::add_scope(SecretForm &form) const {
  form.add("client_id", endpoint_.applicant().client_id);
  form.add("scope", endpoint_.applicant().audience).more("/.default offline_access");
}

std::string DeviceCodeSource::fingerprint() const {
  return endpoint_.fingerprint({"device_code"});
}

loop::Task<Result<SharedToken>> DeviceCodeSource::keep(Granted granted) {
  if (!granted.refresh_token.empty()) {
    Result<void> saved = co_await refresh_tokens_.save_refresh_token(fingerprint(), std::move(granted.refresh_token));
    if (!saved) co_return fail(endpoint_.explain(std::move(saved.error())));
  }
  co_return std::move(granted.token);
}

loop::Task<Result<SharedToken>> DeviceCodeSource::fetch(loop::Scope &scope) {
  Result<Secret> refresh_token = co_await refresh_tokens_.load_refresh_token(fingerprint());
  if (!refresh_token) {
    Error error = std::move(refresh_token.error());
    if (error.status == Status::NotFound)
      error = Error(Status::Unauthenticated,
                    fmt::format("nobody has signed in; run: cordon login {}", endpoint_.applicant().tenant));
    co_return fail(endpoint_.explain(std::move(error)));
  }
  SecretForm form(refresh_token->size() + 256);
  form.add("grant_type", "refresh_token");
  add_scope(form);
  form.add("refresh_token", refresh_token->reveal());
  *refresh_token = Secret();
  TokenExchange exchange = co_await endpoint_.ask(form.body(), scope);
  if (!exchange.granted) co_return fail(std::move(exchange.granted.error()));
  co_return co_await keep(std::move(*exchange.granted));
}

loop::Task<Result<DeviceCode>> DeviceCodeSource::begin_login(loop::Scope &scope) {
  SecretForm form(256);
  add_scope(form);
  const Applicant &who = endpoint_.applicant();
  const http::Request request =
      form_request(fmt::format("{}/{}/oauth2/v2.0/devicecode", who.login, percent_encode(who.tenant_id)), form.body());
  const BootTime asked = scope.scheduler().now();
  const UtcTicks asked_utc = scope.scheduler().clock().utc();
  http::Exchange exchange = co_await transport_.send(request, scope);
  if (!exchange.response) {
    exchange.error.retryable = exchange.error.retryable && exchange.error.status == Status::Network && !scope.reason();
    co_return fail(endpoint_.explain(std::move(exchange.error)));
  }
  const http::Response &response = *exchange.response;
  if (response.status != 200) co_return fail(endpoint_.refused(response));
  Result<DeviceCode> code = parse_device_code(response.secret_body.reveal(), asked, asked_utc);
  if (!code) co_return fail(endpoint_.explain(std::move(code.error())));
  co_return code;
}

loop::Task<Result<SharedToken>> DeviceCodeSource::finish_login(DeviceCode &code, loop::Scope &scope) {
  SecretForm form(code.device_code.size() + 256);
  form.add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
  form.add("client_id", endpoint_.applicant().client_id).add("device_code", code.device_code.reveal());
  nanoseconds interval = code.interval;
  for (;;) {
    const BootTime next = scope.scheduler().now() + interval;
    if (next >= code.expires)
      co_return fail(endpoint_.explain(
          Error(Status::Unauthenticated, "the code has expired before anybody signed in; start the sign-in again")));
    Result<void> slept = co_await loop::sleep_until(next, scope);
    if (!slept) co_return fail(std::move(slept.error()));
    TokenExchange exchange = co_await endpoint_.ask(form.body(), scope);
    if (exchange.granted) co_return co_await keep(std::move(*exchange.granted));
    Error &error = exchange.granted.error();
    if (!error.retryable) co_return fail(std::move(error));
    if (error.service_code == kAuthorizationPending) continue;
    // RFC 8628 §3.5: five seconds more when told so, twice as much when the way is troubled.
    interval = std::min<nanoseconds>(error.service_code == kSlowDownWord ? interval + kSlowDown : interval * 2,
                                     kLongestInterval);
    if (error.retry_after_ms >= 0) interval = std::max<nanoseconds>(interval, milliseconds(error.retry_after_ms));
  }
}

}  // namespace cordon::identity

#include "identity/token_endpoint.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include "base/text.hpp"
#include "http/retry_after.hpp"
#include "identity/token_answer.hpp"

namespace cordon::identity {

http::Request form_request(std::string url, const Secret &form) {
  http::Request request(http::Method::Post, std::move(url));
  request.content_type = "application/x-www-form-urlencoded";
  request.headers.emplace_back("Accept: application/json");
  request.secret_body = &form;
  request.secret_response = true;
  request.max_body = 1u << 20;
  return request;
}

TokenEndpoint::TokenEndpoint(Applicant applicant, int version, http::Transport &transport)
    : applicant_(std::move(applicant)), version_(version), transport_(transport) {}

std::string TokenEndpoint::url() const {
  return fmt::format("{}/{}/oauth2/{}token", applicant_.login, percent_encode(applicant_.tenant_id),
                     version_ == 1 ? "" : "v2.0/");
}

SecretForm TokenEndpoint::client_credentials(std::size_t room) const {
  SecretForm form(room + applicant_.client_id.size() + applicant_.audience.size());
  form.add("grant_type", "client_credentials").add("client_id", applicant_.client_id);
  form.add(version_ == 1 ? "resource" : "scope", applicant_.audience);
  if (version_ != 1) form.more("/.default");
  return form;
}

Error TokenEndpoint::explain(Error cause) const {
  cause.message = fmt::format("no token for tenant {} ({}), application {}: {}", applicant_.tenant,
                              applicant_.tenant_id, applicant_.client_id, cause.message);
  return cause;
}

Error TokenEndpoint::refused(const http::Response &response) const {
  if (!response.gateway_refusal.empty()) return explain(Error(Status::Tls, response.gateway_refusal));
  return oauth_error(applicant_, response.status, response.secret_body.reveal(),
                     http::parse_retry_after(response.header("Retry-After"), response.header("Date")));
}

loop::Task<TokenExchange> TokenEndpoint::ask(const Secret &form, loop::Scope &scope) const {
  TokenExchange out;
  const http::Request request = form_request(url(), form);
  const BootTime asked = scope.scheduler().now();
  const UtcTicks asked_utc = scope.scheduler().clock().utc();
  http::Exchange exchange = co_await transport_.send(request, scope);

  if (!exchange.response) {
    // Asking for a token has no effect: whatever broke on the way may be tried again, unless that would go on failing.
    Error error = explain(std::move(exchange.error));
    error.retryable = error.retryable && error.status == Status::Network && !scope.reason();
    out.granted = fail(std::move(error));
    co_return out;
  }
  http::Response &response = *exchange.response;
  out.service_time = UtcTicks::parse_http_date(response.header("Date"));
  if (response.status != 200) {
    out.granted = fail(refused(response));
    co_return out;
  }
  auto answer = parse_token_answer(response.secret_body.reveal());
  if (!answer) {
    out.granted = fail(explain(std::move(answer.error())));
    co_return out;
  }
  out.granted->token = make_token(std::move(answer->access_token), answer->expires_in_s, asked, asked_utc);
  out.granted->refresh_token = std::move(answer->refresh_token);
  co_return out;
}

std::string TokenEndpoint::fingerprint(std::initializer_list<std::string_view> parts, const Secret *secret) const {
  const std::string where = url();
  std::vector<std::string_view> all = {where, applicant_.client_id, applicant_.audience};
  all.insert(all.end(), parts);
  return hash_name(all, secret);
}

}  // namespace cordon::identity

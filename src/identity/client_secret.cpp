#include "identity/client_secret.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include "base/text.hpp"
#include "http/retry_after.hpp"
#include "identity/token_answer.hpp"

namespace cordon::identity {
namespace {

/// percent_encode for secrets: no copy outside guarded memory.
void append_encoded(Secret &out, std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const char lower = to_lower(c);
    if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

Error no_token(const Applicant &applicant, Error cause) {
  cause.message = fmt::format("no token for tenant {} ({}), application {}: {}", applicant.tenant, applicant.tenant_id,
                              applicant.client_id, cause.message);
  return cause;
}

}  // namespace

ClientSecretSource::ClientSecretSource(Applicant applicant, std::string secret_name, int token_version,
                                       http::Transport &transport, SecretReader read_secret)
    : applicant_(std::move(applicant)),
      secret_name_(std::move(secret_name)),
      token_version_(token_version),
      transport_(transport),
      read_secret_(std::move(read_secret)) {}

std::string ClientSecretSource::endpoint() const {
  return fmt::format("{}/{}/oauth2/{}token", applicant_.login, percent_encode(applicant_.tenant_id),
                     token_version_ == 1 ? "" : "v2.0/");
}

std::string ClientSecretSource::authority() const {
  return applicant_.login;
}

Secret ClientSecretSource::form(const Secret &secret) const {
  Secret body;
  // Reserved at once: growing would leave copies behind, wiped but needless.
  body.reserve(256 + 3 * (secret.size() + applicant_.client_id.size() + applicant_.audience.size()));
  body.append("grant_type=client_credentials&client_id=");
  append_encoded(body, applicant_.client_id);
  body.append(token_version_ == 1 ? "&resource=" : "&scope=");
  append_encoded(body, applicant_.audience);
  if (token_version_ != 1) append_encoded(body, "/.default");
  body.append("&client_secret=");
  append_encoded(body, secret.reveal());
  return body;
}

loop::Task<Result<SharedToken>> ClientSecretSource::fetch(loop::Scope &scope) {
  auto secret = read_secret_(secret_name_);
  if (!secret) co_return fail(no_token(applicant_, std::move(secret.error())));
  const Secret body = form(*secret);
  *secret = Secret();

  http::Request request(http::Method::Post, endpoint());
  request.content_type = "application/x-www-form-urlencoded";
  request.headers.emplace_back("Accept: application/json");
  request.secret_body = &body;
  request.secret_response = true;
  request.max_body = 1u << 20;
  const BootTime asked = scope.scheduler().now();
  const UtcTicks asked_utc = scope.scheduler().clock().utc();
  http::Exchange exchange = co_await transport_.send(request, scope);

  if (!exchange.response) {
    // Asking for a token has no effect: whatever broke on the way may be tried again.
    Error error = no_token(applicant_, std::move(exchange.error));
    error.retryable = error.status == Status::Network && !scope.reason();
    co_return fail(std::move(error));
  }
  http::Response &response = *exchange.response;
  if (response.status != 200)
    co_return fail(oauth_error(applicant_, response.status, response.secret_body.reveal(),
                               http::parse_retry_after(response.header("Retry-After"), response.header("Date"))));
  auto answer = parse_token_answer(response.secret_body.reveal());
  if (!answer) co_return fail(no_token(applicant_, std::move(answer.error())));
  co_return make_token(std::move(answer->access_token), answer->expires_in_s, asked, asked_utc);
}

std::string ClientSecretSource::fingerprint() const {
  const auto secret = read_secret_(secret_name_);
  if (!secret) return "";
  // Keyed by the secret itself: nothing can be tried against it without the secret.
  unsigned char key[crypto_generichash_KEYBYTES];
  unsigned char hash[16];
  crypto_generichash(key, sizeof key, secret->bytes(), secret->size(), nullptr, 0);
  const std::string text =
      fmt::format("client_secret\n{}\n{}\n{}\n{}", endpoint(), applicant_.client_id, applicant_.audience, secret_name_);
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char *>(text.data()), text.size(), key,
                     sizeof key);
  sodium_memzero(key, sizeof key);
  return base64url_encode(std::string_view(reinterpret_cast<const char *>(hash), sizeof hash));
}

}  // namespace cordon::identity

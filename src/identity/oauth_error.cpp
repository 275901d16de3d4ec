#include "identity/oauth_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace cordon::identity {
namespace {

struct Refusal {
  std::int64_t code;
  Status status;
  bool transient;
  std::string_view text;
};

// mde-api §2.2. The words are for the person who has to act.
constexpr std::array kRefusals = {
    Refusal{7000215, Status::Unauthenticated, false,
            "the client secret is wrong; store the secret's value (not its id) again"},
    Refusal{7000222, Status::Unauthenticated, false,
            "the client secret or certificate has expired; make a new one and store it"},
    Refusal{7000218, Status::Unauthenticated, false, "the request carried no secret and no assertion"},
    Refusal{700027, Status::Unauthenticated, false,
            "the assertion's signature does not fit; upload the certificate to the application"},
    Refusal{700030, Status::Unauthenticated, false, "the certificate's subject or issuer is not allowed"},
    Refusal{700025, Status::Unauthenticated, false,
            "the application is a public client and takes no secret; configure it as confidential"},
    Refusal{50012, Status::Unauthenticated, false, "the credential was not accepted"},
    Refusal{700016, Status::Unauthenticated, false,
            "the application is not known in this tenant; check client_id and tenant_id, or have an administrator "
            "consent to it"},
    Refusal{70001, Status::Unauthenticated, false, "the application is unknown or disabled; check client_id"},
    Refusal{7000112, Status::Unauthenticated, false, "the application is disabled; an administrator must enable it"},
    Refusal{90002, Status::Unauthenticated, false,
            "the tenant is not known there; check tenant_id, and whether the cloud is the right one"},
    Refusal{90038, Status::Unauthenticated, false, "the tenant belongs to another national cloud; check the cloud"},
    Refusal{900382, Status::Unauthenticated, false, "the tenant belongs to another national cloud; check the cloud"},
    Refusal{900432, Status::Unauthenticated, false, "the tenant belongs to another national cloud; check the cloud"},
    Refusal{500011, Status::PermissionDenied, false,
            "the tenant does not have the service behind the audience; check the cloud and the Defender licence"},
    Refusal{50001, Status::PermissionDenied, false,
            "the tenant does not have the service behind the audience; check the cloud and the Defender licence"},
    Refusal{650052, Status::PermissionDenied, false,
            "the organisation has no subscription for the service behind the audience"},
    Refusal{650056, Status::PermissionDenied, false,
            "the application has no permission for the service; add it on WindowsDefenderATP and grant admin consent"},
    Refusal{650057, Status::PermissionDenied, false,
            "the application has no permission for the service; add it on WindowsDefenderATP and grant admin consent"},
    Refusal{65001, Status::PermissionDenied, false, "consent is missing; an administrator must grant it"},
    Refusal{53003, Status::PermissionDenied, false,
            "Conditional Access blocks this sign-in; have the policy changed or the host's address allowed"},
    Refusal{530032, Status::PermissionDenied, false, "a policy of the tenant blocks this sign-in"},
    Refusal{70011, Status::Unauthenticated, false, "the scope is wrong; check the cloud's audience"},
    Refusal{28002, Status::Unauthenticated, false, "the scope is wrong; check the cloud's audience"},
    Refusal{28003, Status::Unauthenticated, false, "the scope is wrong; check the cloud's audience"},
    Refusal{700022, Status::Unauthenticated, false, "more than one resource is asked for; check the cloud's audience"},
    Refusal{9001023, Status::Unauthenticated, false,
            "the tenant's id must be named for this kind of sign-in; check tenant_id"},
    Refusal{901002, Status::Unauthenticated, false,
            "this endpoint takes no resource; remove token_version or set it to 2"},
    Refusal{90014, Status::Unauthenticated, false, "a field of the request is missing; check client_id and tenant_id"},
    Refusal{900144, Status::Unauthenticated, false, "a field of the request is missing; check client_id and tenant_id"},
    Refusal{90023, Status::Unauthenticated, false, "the request is malformed; check client_id and tenant_id"},
    Refusal{9002313, Status::Unauthenticated, false, "the request is malformed; check client_id and tenant_id"},
    Refusal{90100, Status::Unauthenticated, false, "the request is malformed; check client_id and tenant_id"},
    Refusal{
        700213, Status::Unauthenticated, false,
        "no federated credential of the application fits the assertion's subject; a fresh one takes minutes to work"},
    Refusal{
        7002131, Status::Unauthenticated, false,
        "no federated credential of the application fits the assertion's subject; a fresh one takes minutes to work"},
    Refusal{70021, Status::Unauthenticated, false,
            "no federated credential of the application fits the assertion; a fresh one takes minutes to work"},
    Refusal{
        700211, Status::Unauthenticated, false,
        "no federated credential of the application fits the assertion's issuer; a fresh one takes minutes to work"},
    Refusal{
        700212, Status::Unauthenticated, false,
        "no federated credential of the application fits the assertion's audience; a fresh one takes minutes to work"},
    Refusal{700024, Status::Unauthenticated, true, "the assertion is outside its time; check this host's clock"},
    Refusal{500133, Status::Unauthenticated, true, "the assertion is outside its time; check this host's clock"},
    Refusal{70018, Status::Unauthenticated, false, "the code is not known; start the sign-in again"},
    Refusal{70019, Status::Unauthenticated, false,
            "the code has expired before anybody signed in; start the sign-in again"},
    Refusal{700082, Status::Unauthenticated, false, "the refresh token has expired; sign in again"},
    Refusal{70008, Status::Unauthenticated, false, "the refresh token has expired; sign in again"},
    Refusal{70043, Status::Unauthenticated, false, "the sign-in is too old for the tenant's policy; sign in again"},
    Refusal{90055, Status::RateLimited, true, "the sign-in service has had too many requests"},
    Refusal{90006, Status::Service, true, "the sign-in service has a passing trouble"},
    Refusal{90012, Status::Service, true, "the sign-in service has a passing trouble"},
    Refusal{90024, Status::Service, true, "the sign-in service has a passing trouble"},
    Refusal{90033, Status::Service, true, "the sign-in service has a passing trouble"},
    Refusal{90090, Status::Service, true, "the sign-in service has a passing trouble"},
    Refusal{50000, Status::Service, true, "the sign-in service has a passing trouble"},
};

struct NamedRefusal {
  std::string_view error;
  Refusal refusal;
};

// For answers without a number of the table above: by OAuth's own word.
constexpr std::array kNamed = {
    NamedRefusal{"invalid_client", {0, Status::Unauthenticated, false, "the credential was not accepted"}},
    NamedRefusal{"unauthorized_client",
                 {0, Status::PermissionDenied, false,
                  "the application may not do this in the tenant; check client_id and "
                  "tenant_id and have an administrator consent"}},
    NamedRefusal{"access_denied", {0, Status::PermissionDenied, false, "the sign-in is denied by the tenant"}},
    NamedRefusal{"invalid_scope",
                 {0, Status::Unauthenticated, false, "the scope is wrong; check the cloud's audience"}},
    NamedRefusal{"invalid_resource", {0, Status::Unauthenticated, false, "the audience is wrong; check the cloud"}},
    NamedRefusal{"invalid_request",
                 {0, Status::Unauthenticated, false, "the request is refused; check client_id and tenant_id"}},
    NamedRefusal{"unsupported_grant_type",
                 {0, Status::Unauthenticated, false, "the kind of credential is not supported there"}},
    NamedRefusal{"invalid_grant",
                 {0, Status::Unauthenticated, false, "the sign-in has expired or was revoked; sign in again"}},
    NamedRefusal{"interaction_required",
                 {0, Status::Unauthenticated, false, "the tenant wants a person to sign in again"}},
    NamedRefusal{"authorization_declined",
                 {0, Status::PermissionDenied, false, "the person has declined the sign-in; start it again"}},
    NamedRefusal{"bad_verification_code",
                 {0, Status::Unauthenticated, false, "the code is not known; start the sign-in again"}},
    NamedRefusal{
        "expired_token",
        {0, Status::Unauthenticated, false, "the code has expired before anybody signed in; start the sign-in again"}},
    NamedRefusal{"temporarily_unavailable", {0, Status::Service, true, "the sign-in service has a passing trouble"}},
    NamedRefusal{"server_error", {0, Status::Service, true, "the sign-in service has a passing trouble"}},
};

/// Not a failure but "not yet"; whatever number comes along.
constexpr Refusal kNotYet{0, Status::Unauthenticated, true, "nobody has signed in yet"};
bool is_not_yet(std::string_view word) {
  return word == kAuthorizationPending || word == kSlowDownWord;
}

constexpr Refusal kThrottled{0, Status::RateLimited, true, "the sign-in service has had too many requests"};
constexpr Refusal kServerTrouble{0, Status::Service, true, "the sign-in service has a passing trouble"};
constexpr Refusal kForeign{0, Status::Service, false,
                           "the answer is not the sign-in service's; check the cloud's login address and the proxy"};

/// error_codes[0], or the number behind "AADSTS" in the description; 0 when there is none.
std::int64_t aadsts_of(const Json &json) {
  if (const auto codes = json.find("error_codes"); codes != json.end() && codes->is_array() && !codes->empty())
    if (codes->front().is_number_integer()) return codes->front().get<std::int64_t>();
  const std::string description = text_or(json, "error_description");
  if (!description.starts_with("AADSTS")) return 0;
  return parse_int(description.substr(6, description.find_first_not_of("0123456789", 6) - 6)).value_or(0);
}

Refusal refusal_of(int http_status, std::int64_t code, const std::string &word) {
  if (is_not_yet(word)) return kNotYet;
  for (const Refusal &refusal : kRefusals)
    if (refusal.code == code) return refusal;
  if (http_status == 429) return kThrottled;
  for (const NamedRefusal &named : kNamed)
    if (named.error == word) return named.refusal;
  if (http_status >= 500) return kServerTrouble;
  if (word.empty()) return kForeign;
  return {0, Status::Unauthenticated, false, "the sign-in service refuses the request"};
}

bool is_word(const std::string &text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

Error oauth_error(const Applicant &applicant, int http_status, std::string_view body,
                  std::optional<nanoseconds> retry_after) {
  const auto parsed = parse_json(body, "answer", JsonLimits{64 * 1024, 16});
  const Json json = parsed && parsed->is_object() ? *parsed : Json::object();
  const std::string word = text_or(json, "error");
  const std::int64_t code = aadsts_of(json);
  const Refusal refusal = refusal_of(http_status, code, word);

  Error error(refusal.status, fmt::format("no token for tenant {} ({}), application {}: {}", applicant.tenant,
                                          applicant.tenant_id, applicant.client_id, refusal.text));
  error.retryable = refusal.transient;
  error.http_status = http_status;
  if (code > 0 && !is_not_yet(word))
    error.service_code = fmt::format("AADSTS{}", code);
  else if (is_word(word))
    error.service_code = word;
  if (const std::string id = text_or(json, "correlation_id"); is_uuid(id)) error.service_correlation_id = id;
  if (refusal.transient && retry_after)
    error.retry_after_ms =
        std::chrono::ceil<milliseconds>(std::min<nanoseconds>(*retry_after, std::chrono::hours(1))).count();
  error.message +=
      fmt::format(" (HTTP {}{}{}{}{})", http_status, error.service_code.empty() ? "" : ", ", error.service_code,
                  error.service_correlation_id.empty() ? "" : ", correlation id ", error.service_correlation_id);
  return error;
}

}  // namespace cordon::identity

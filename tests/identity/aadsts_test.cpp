// Every class of refusal that the sign-in service documents (mde-api §2.2): what a person is told and whether it is
// tried again.

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "identity/oauth_error.hpp"

namespace cordon::identity {
namespace {

struct Refusal {
  int http;
  const char *error;
  int code;  ///< 0: the answer has none
  Status status;
  bool retryable;
  const char *says;
};

constexpr Status kNo = Status::Unauthenticated;
constexpr Status kDenied = Status::PermissionDenied;

constexpr Refusal kTable[] = {
    // credential
    {401, "invalid_client", 7000215, kNo, false, "secret is wrong"},
    {401, "invalid_client", 7000222, kNo, false, "has expired"},
    {401, "invalid_client", 7000218, kNo, false, "no secret and no assertion"},
    {401, "invalid_client", 700027, kNo, false, "upload the certificate"},
    {401, "invalid_client", 700030, kNo, false, "subject or issuer"},
    {401, "invalid_client", 700025, kNo, false, "public client"},
    {401, "invalid_client", 50012, kNo, false, "not accepted"},
    // application, tenant, resource
    {400, "unauthorized_client", 700016, kNo, false, "not known in this tenant"},
    {400, "unauthorized_client", 70001, kNo, false, "check client_id"},
    {400, "unauthorized_client", 7000112, kNo, false, "administrator must enable"},
    {400, "invalid_request", 90002, kNo, false, "cloud"},
    {400, "invalid_request", 90038, kNo, false, "national cloud"},
    {400, "invalid_request", 900382, kNo, false, "national cloud"},
    {400, "invalid_request", 900432, kNo, false, "national cloud"},
    {400, "invalid_resource", 500011, kDenied, false, "licence"},
    {400, "invalid_resource", 50001, kDenied, false, "licence"},
    {400, "unauthorized_client", 650052, kDenied, false, "subscription"},
    {400, "unauthorized_client", 650056, kDenied, false, "WindowsDefenderATP"},
    {400, "unauthorized_client", 650057, kDenied, false, "WindowsDefenderATP"},
    // request
    {400, "invalid_scope", 70011, kNo, false, "audience"},
    {400, "invalid_request", 28002, kNo, false, "audience"},
    {400, "invalid_request", 28003, kNo, false, "audience"},
    {400, "invalid_scope", 700022, kNo, false, "audience"},
    {400, "invalid_request", 90014, kNo, false, "check client_id and tenant_id"},
    {400, "invalid_request", 900144, kNo, false, "check client_id and tenant_id"},
    {400, "invalid_request", 90023, kNo, false, "malformed"},
    {400, "invalid_request", 9002313, kNo, false, "malformed"},
    {400, "invalid_request", 90100, kNo, false, "malformed"},
    {400, "invalid_request", 901002, kNo, false, "token_version"},
    {400, "invalid_request", 9001023, kNo, false, "tenant_id"},
    {400, "invalid_request", 0, kNo, false, "refused"},
    {400, "invalid_scope", 0, kNo, false, "audience"},
    {400, "unsupported_grant_type", 0, kNo, false, "not supported there"},
    {400, "invalid_resource", 0, kNo, false, "check the cloud"},
    // until an administrator acts
    {400, "unauthorized_client", 0, kDenied, false, "administrator"},
    {400, "access_denied", 0, kDenied, false, "denied by the tenant"},
    {400, "access_denied", 53003, kDenied, false, "Conditional Access"},
    {400, "access_denied", 530032, kDenied, false, "policy of the tenant"},
    {400, "invalid_grant", 65001, kDenied, false, "administrator must grant"},
    // federation
    {400, "invalid_request", 700213, kNo, false, "subject"},
    {400, "invalid_request", 7002131, kNo, false, "subject"},
    {400, "invalid_request", 70021, kNo, false, "takes minutes"},
    {400, "invalid_request", 700211, kNo, false, "issuer"},
    {400, "invalid_request", 700212, kNo, false, "audience"},
    // freshness: the source makes one more, see CertificateSource and WorkloadSource
    {401, "invalid_client", 700024, kNo, true, "clock"},
    {400, "invalid_grant", 500133, kNo, true, "clock"},
    // passing trouble
    {503, "temporarily_unavailable", 0, Status::Service, true, "passing trouble"},
    {500, "server_error", 0, Status::Service, true, "passing trouble"},
    {503, "temporarily_unavailable", 90006, Status::Service, true, "passing trouble"},
    {504, "temporarily_unavailable", 90012, Status::Service, true, "passing trouble"},
    {503, "temporarily_unavailable", 90024, Status::Service, true, "passing trouble"},
    {503, "temporarily_unavailable", 90033, Status::Service, true, "passing trouble"},
    {429, "temporarily_unavailable", 90055, Status::RateLimited, true, "too many requests"},
    {500, "server_error", 90090, Status::Service, true, "passing trouble"},
    {500, "server_error", 50000, Status::Service, true, "passing trouble"},
    {429, "", 0, Status::RateLimited, true, "too many requests"},
    {502, "", 0, Status::Service, true, "passing trouble"},
    // people
    {400, "authorization_pending", 70016, kNo, true, "nobody has signed in yet"},
    {400, "slow_down", 0, kNo, true, "nobody has signed in yet"},
    {400, "authorization_declined", 0, kDenied, false, "declined"},
    {400, "bad_verification_code", 70018, kNo, false, "start the sign-in again"},
    {400, "expired_token", 70019, kNo, false, "start the sign-in again"},
    {400, "bad_verification_code", 0, kNo, false, "start the sign-in again"},
    {400, "expired_token", 0, kNo, false, "start the sign-in again"},
    {400, "invalid_grant", 700082, kNo, false, "sign in again"},
    {400, "invalid_grant", 70008, kNo, false, "sign in again"},
    {400, "invalid_grant", 70043, kNo, false, "sign in again"},
    {400, "invalid_grant", 0, kNo, false, "sign in again"},
    {400, "interaction_required", 0, kNo, false, "a person to sign in"},
};

std::string body_of(const Refusal &refusal) {
  if (*refusal.error == '\0') return "";
  Json body = {{"error", refusal.error}, {"error_description", "SECRET words of the service"}};
  if (refusal.code != 0) {
    body["error_codes"] = {refusal.code};
    body["error_description"] = "AADSTS" + std::to_string(refusal.code) + ": SECRET words of the service";
  }
  return body.dump();
}

TEST(Aadsts, EveryDocumentedRefusalHasWordsAndADecision) {
  const Applicant who("contoso", "tenant-guid", "client-guid", "https://login.example.test", "https://aud");
  for (const Refusal &refusal : kTable) {
    SCOPED_TRACE(std::string(refusal.error) + " " + std::to_string(refusal.code));
    const Error error = oauth_error(who, refusal.http, body_of(refusal), std::nullopt);
    EXPECT_STREQ(status_name(error.status), status_name(refusal.status));
    EXPECT_EQ(error.retryable, refusal.retryable);
    EXPECT_EQ(error.http_status, refusal.http);
    EXPECT_NE(error.message.find(refusal.says), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("contoso"), std::string::npos);
    EXPECT_EQ(error.message.find("SECRET"), std::string::npos);
    const bool waits = error.service_code == kAuthorizationPending || error.service_code == kSlowDownWord;
    if (refusal.code != 0 && !waits) {
      EXPECT_EQ(error.service_code, "AADSTS" + std::to_string(refusal.code));
      EXPECT_NE(error.message.find(error.service_code), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace cordon::identity

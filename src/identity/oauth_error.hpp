#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace cordon::identity {

/// Who asks for a token where; all of it may appear in messages.
struct Applicant {
  Applicant() = default;
  Applicant(std::string tenant_, std::string tenant_id_, std::string client_id_, std::string login_,
            std::string audience_)
      : tenant(std::move(tenant_)),
        tenant_id(std::move(tenant_id_)),
        client_id(std::move(client_id_)),
        login(std::move(login_)),
        audience(std::move(audience_)) {}

  std::string tenant;     ///< the name in the config
  std::string tenant_id;  ///< GUID or verified domain
  std::string client_id;
  std::string login;     ///< authority, e.g. "https://login.microsoftonline.com"
  std::string audience;  ///< of the token
};

// The `service_code` of answers that only mean "not yet" while a person signs in (mde-api §2.6).
inline constexpr std::string_view kAuthorizationPending = "authorization_pending";
inline constexpr std::string_view kSlowDownWord = "slow_down";

/// Turns a refusal of the token endpoint into an error a person can act on: wrong or expired secret, unknown tenant,
/// application not in the tenant, missing consent, wrong cloud, Conditional Access … (mde-api §2.2). Branches on the
/// AADSTS number for the words and on `error` and the HTTP status for the rest. Nothing of the answer is quoted but
/// numbers and ids.
Error oauth_error(const Applicant &applicant, int http_status, std::string_view body,
                  std::optional<nanoseconds> retry_after);

}  // namespace cordon::identity

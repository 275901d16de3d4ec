#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"
#include "defender/operation.hpp"
#include "http/proxy.hpp"
#include "identity/token_claims.hpp"
#include "plugin/config.hpp"

namespace cordon::plugin {

enum class Verdict { Ok, Warning, Failed };

/// What preflight found, one entry per check: `{check, tenant, operation, result, text, remedy}`.
class PreflightReport {
 public:
  explicit PreflightReport(std::string tenant = {}) : tenant_(std::move(tenant)) {}

  void ok(const char *check, std::string text) { add(check, Verdict::Ok, std::move(text), {}); }
  void warn(const char *check, std::string text, std::string remedy) {
    add(check, Verdict::Warning, std::move(text), std::move(remedy));
  }
  void failed(const char *check, std::string text, std::string remedy) {
    add(check, Verdict::Failed, std::move(text), std::move(remedy));
  }
  /// The error's own line tells what to do.
  void failed(const char *check, const Error &error);
  void permission(const std::string &operation, Verdict verdict, std::string text, std::string remedy);
  /// Takes over the entries of another report.
  void append(PreflightReport other);

  Verdict worst() const { return worst_; }
  /// `{result, checks}`
  Json document() const;

 private:
  Json &add(const char *check, Verdict verdict, std::string text, std::string remedy);

  std::string tenant_;
  Json checks_ = Json::array();
  Verdict worst_ = Verdict::Ok;
};

/// Which operations a token must allow, and which it should.
struct WantedOperations {
  WantedOperations() = default;
  std::vector<const defender::Operation *> needed;
  std::vector<const defender::Operation *> others;  ///< not having them is worth a remark
};

/// By name (NOT_SUPPORTED for one that there is none of, with its pointer). `named` empty: every action is worth a
/// remark, and following actions is needed.
Result<WantedOperations> wanted_operations(const std::vector<std::string> &named);

// The judgements; no network, no clock.
void judge_claims(PreflightReport &report, const TenantConfig &tenant, const identity::TokenClaims &claims);
void judge_permissions(PreflightReport &report, const WantedOperations &wanted, const identity::TokenClaims &claims);
/// `service` is the time an answer was sent at, `ours` when it came.
void judge_clock(PreflightReport &report, const std::string &host, UtcTicks service, UtcTicks ours);
void judge_end(PreflightReport &report, const char *check, const std::string &what, UtcTicks not_after, UtcTicks now,
               const char *remedy = "make a new one at the application, store it here, then remove the old one");

/// Whether the vault holds a secret, and how long it is good. `vault_status` as vault::Vault::status() gives it.
void judge_secret(PreflightReport &report, const char *check, const std::string &name, const Json &vault_status,
                  UtcTicks now);
/// What the vault tells of a secret; null when it has none of that name.
Json note_of(const Json &vault_status, const std::string &name);

// How servers are reached and trusted.
void judge_trust(PreflightReport &report, const http::Settings &settings, UtcTicks now);
void judge_proxy(PreflightReport &report, const http::Settings &settings, const http::Proxy &proxy,
                 const Json &vault_status, UtcTicks now);
void judge_client_certificate(PreflightReport &report, const http::Settings &settings,
                              const http::SecretReader &read_secret, UtcTicks now);

/// A line when `not_after` has passed or comes within 30 days; empty otherwise.
std::string expiry_warning(const std::string &what, UtcTicks not_after, UtcTicks now);

}  // namespace cordon::plugin

#include "plugin/preflight.hpp"

#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/text.hpp"

namespace cordon::plugin {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr hours kDay(24);
constexpr nanoseconds kEndIsNear = kDay * 30;
constexpr seconds kClockIsOff(60);
constexpr minutes kClockIsWrong(5);  ///< what the service's tokens and assertions tolerate
constexpr const char *kFollowing = "list_actions";

const char *word(Verdict verdict) {
  return verdict == Verdict::Ok ? "ok" : verdict == Verdict::Warning ? "warning" : "failed";
}

std::string_view without_slash(std::string_view audience) {
  if (audience.ends_with('/')) audience.remove_suffix(1);
  return audience;
}

}  // namespace

Json &PreflightReport::add(const char *check, Verdict verdict, std::string text, std::string remedy) {
  worst_ = std::max(worst_, verdict);
  checks_.push_back({{"check", check},
                     {"tenant", text_or_null(tenant_)},
                     {"operation", nullptr},
                     {"result", word(verdict)},
                     {"text", std::move(text)},
                     {"remedy", text_or_null(remedy)}});
  return checks_.back();
}

void PreflightReport::failed(const char *check, const Error &error) {
  const std::size_t remedy = error.message.rfind("; ");
  const bool has_remedy = remedy != std::string::npos;
  Json &entry = add(check, Verdict::Failed, error.message, has_remedy ? error.message.substr(remedy + 2) : "");
  entry["error"] = status_name(error.status);
}

void PreflightReport::permission(const std::string &operation, Verdict verdict, std::string text, std::string remedy) {
  add("permission", verdict, std::move(text), std::move(remedy))["operation"] = operation;
}

void PreflightReport::append(PreflightReport other) {
  worst_ = std::max(worst_, other.worst_);
  for (Json &entry : other.checks_) checks_.push_back(std::move(entry));
}

Json PreflightReport::document() const {
  return {{"result", word(worst_)}, {"checks", checks_}};
}

Result<WantedOperations> wanted_operations(const std::vector<std::string> &named) {
  const defender::Catalogue &catalogue = defender::Catalogue::instance();
  WantedOperations wanted;
  for (std::size_t i = 0; i < named.size(); ++i) {
    auto operation = catalogue.require(named[i]);
    if (!operation) return fail(std::move(operation.error()).at(fmt::format("/operations/{}", i)));
    if ((*operation)->kind != defender::OperationKind::Local) wanted.needed.push_back(*operation);
  }
  if (!named.empty()) return wanted;
  for (const defender::Operation &operation : catalogue.operations()) {
    if (operation.is_action()) wanted.others.push_back(&operation);
    if (operation.name == kFollowing) wanted.needed.push_back(&operation);
  }
  return wanted;
}

void judge_claims(PreflightReport &report, const TenantConfig &tenant, const identity::TokenClaims &claims) {
  if (!claims.readable)
    return report.warn("audience", "the token can't be read, so neither its audience nor its permissions are known",
                       "try a harmless call, such as list_actions");
  if (without_slash(claims.audience) == without_slash(tenant.cloud.audience))
    report.ok("audience", fmt::format("the token is for {}, as configured", tenant.cloud.audience));
  else if (is_uuid(claims.audience))
    report.warn("audience", "the token names its audience by an id, which can't be compared with the configured one",
                "try a harmless call, such as list_actions");
  else
    report.failed("audience",
                  fmt::format("the token is for {}, the cloud {} wants {}", printable(claims.audience, 200),
                              tenant.cloud.name, tenant.cloud.audience),
                  "check the tenant's cloud");
  if (is_uuid(tenant.tenant_id) && !claims.tenant_id.empty()) {
    if (equal_ignoring_case(claims.tenant_id, tenant.tenant_id))
      report.ok("tenant", "the token is of the configured tenant");
    else
      report.failed("tenant", fmt::format("the token is of tenant {}", printable(claims.tenant_id, 64)),
                    "check tenant_id, and which tenant the identity belongs to");
  }
}

void judge_permissions(PreflightReport &report, const WantedOperations &wanted, const identity::TokenClaims &claims) {
  if (!claims.readable) return;
  const bool delegated = claims.roles.empty() && !claims.scopes.empty();
  const std::vector<std::string> &granted = delegated ? claims.scopes : claims.roles;
  const auto judge = [&](const defender::Operation &operation, Verdict when_missing) {
    const std::string missing = operation.missing_permissions(granted, delegated);
    if (missing.empty())
      return report.permission(
          operation.name, Verdict::Ok,
          delegated ? fmt::format("allowed to the application; the person also needs \"{}\"", operation.delegated_role)
                    : "allowed",
          "");
    report.permission(operation.name, when_missing, fmt::format("not allowed: the token lacks {}", missing),
                      fmt::format("add the {} permission on WindowsDefenderATP and grant admin consent; it shows in "
                                  "tokens made after that",
                                  delegated ? "delegated" : "application"));
  };
  for (const auto *operation : wanted.needed) judge(*operation, Verdict::Failed);
  for (const auto *operation : wanted.others) judge(*operation, Verdict::Warning);
}

void judge_clock(PreflightReport &report, const std::string &host, UtcTicks service, UtcTicks ours) {
  const nanoseconds off = ours - service;
  const nanoseconds distance = off < nanoseconds(0) ? -off : off;
  const std::string text = fmt::format("this host's clock is {} s {} the clock of {}", distance / seconds(1),
                                       off < nanoseconds(0) ? "behind" : "before", host);
  if (distance < kClockIsOff)
    report.ok("clock", text);
  else if (distance < kClockIsWrong)
    report.warn("clock", text, "synchronise it (timedatectl set-ntp true)");
  else
    report.failed("clock", text + "; tokens and assertions will be refused",
                  "synchronise it (timedatectl set-ntp true)");
}

std::string expiry_warning(const std::string &what, UtcTicks not_after, UtcTicks now) {
  if (!not_after.is_set()) return {};
  if (not_after <= now) return fmt::format("{} has expired at {}", what, not_after.str());
  if (not_after - now > kEndIsNear) return {};
  return fmt::format("{} expires in {} days, at {}", what, (not_after - now) / kDay, not_after.str());
}

void judge_end(PreflightReport &report, const char *check, const std::string &what, UtcTicks not_after, UtcTicks now,
               const char *remedy) {
  const std::string warning = expiry_warning(what, not_after, now);
  if (warning.empty())
    report.ok(check, fmt::format("{} is good for {} days", what, (not_after - now) / kDay));
  else if (not_after <= now)
    report.failed(check, warning, remedy);
  else
    report.warn(check, warning, remedy);
}

}  // namespace cordon::plugin

// Is everything there that an incident will need? Nothing here changes anything at the service.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "plugin/preflight.hpp"
#include "plugin/runtime_call.hpp"
#include "response/halt.hpp"

namespace cordon::plugin {
namespace {

using ledger::Durability;
using ledger::Tx;
using response::Outcome;

constexpr int kTenantsAtOnce = 16;

/// Members of a credential that name a secret of the vault.
constexpr const char *kSecretMembers[] = {"secret_name", "certificate_secret_name", "password_secret_name"};

void check_vault(PreflightReport &report, const Json &status) {
  const std::string state = text_or(status, "state");
  if (state == "unlocked" || state == "memory" || state == "absent")
    report.ok("vault", state == "absent" ? "no vault is configured" : fmt::format("the vault's state is {}", state));
  else
    report.failed("vault",
                  fmt::format("the vault's state is {}: {}", state,
                              text_or(status.value("problem", Json()), "message", "no reason known")),
                  state == "missing" ? "store the first secret (cordon secret set)" : "unlock it, or repair its key");
  if (bool_or(status, "memory_locked", true))
    report.ok("memory", "secrets are locked in memory");
  else
    report.warn("memory", "secrets could not be locked in memory and may be swapped out",
                "raise RLIMIT_MEMLOCK (LimitMEMLOCK= of the systemd unit)");
}

/// What is told of a rotated credential that has earned no token.
std::string former_in_use(const Error &problem) {
  return fmt::format("the present credential earns no token, so that the one before it is still used: {}",
                     problem.message);
}

/// A GET without a token: whether an answer comes is all that counts.
loop::Task<http::Exchange> reach(http::Transport &transport, std::string url, loop::Scope &scope) {
  http::Request request(http::Method::Get, std::move(url));
  request.headers.emplace_back("Accept: application/json");
  request.max_body = 1u << 20;
  http::Exchange exchange = co_await transport.send(request, scope);
  co_return exchange;
}

}  // namespace

/// One tenant's checks, each of which may wait for the network. Its own frame holds what it needs: a reload may replace
/// the tenant meanwhile.
class Runtime::TenantPreflight {
 public:
  TenantPreflight(Runtime &runtime, std::string name, const TenantConfig &config,
                  std::shared_ptr<response::Tenant> tenant, const WantedOperations &wanted, const Json &vault_status)
      : runtime_(runtime),
        config_(config),
        tenant_(std::move(tenant)),
        wanted_(wanted),
        vault_status_(vault_status),
        report_(std::move(name)) {}

  loop::Task<PreflightReport> run(loop::Scope &scope) {
    if (config_.broken) {
      report_.failed("config", *config_.broken);
      co_return std::move(report_);
    }
    report_.ok("config",
               fmt::format("cloud {}: API {}, sign-in {}", config_.cloud.name, config_.cloud.api, config_.cloud.login));
    check_credential();
    co_await runtime_.check_halt(report_, tenant_->name);
    const bool signs_in = text_or(config_.credential, "kind") != "managed_identity";
    if (signs_in) {
      std::string url = fmt::format("{}/{}/v2.0/.well-known/openid-configuration", config_.cloud.login,
                                    percent_encode(config_.tenant_id));
      co_await check_reachable("sign_in_reachable", std::move(url), scope);
    }
    co_await check_reachable("api_reachable", config_.cloud.api + "/api/machineactions?$top=1", scope);
    co_await check_token(scope);
    co_return std::move(report_);
  }

 private:
  void check_credential() {
    const UtcTicks now = runtime_.clock_->utc();
    for (const char *member : kSecretMembers)
      if (const std::string name = text_or(config_.credential, member); !name.empty())
        judge_secret(report_, "secret", name, vault_status_, now);
    if (text_or(config_.credential, "kind") != "client_certificate") return;
    if (const auto end = tenant_->tokens->source().not_after())
      judge_end(report_, "certificate", "the certificate", *end, now);
    else
      report_.failed("certificate", "the certificate can't be read", "see what the check \"token\" says");
  }

  loop::Task<void> check_reachable(const char *check, std::string url, loop::Scope &scope) {
    const std::string host = url.substr(8, url.find('/', 8) - 8);
    http::Exchange exchange = co_await reach(runtime_.transport_, std::move(url), scope);
    if (!exchange.response) {
      report_.failed(check, exchange.error);
      co_return;
    }
    const http::Response &response = *exchange.response;
    report_.ok(check, fmt::format("{} answers (HTTP {})", host, response.status));
    if (const auto date = UtcTicks::parse_http_date(response.header("Date")))
      judge_clock(report_, host, *date, runtime_.clock_->utc());
  }

  loop::Task<void> check_token(loop::Scope &scope) {
    Result<identity::SharedToken> token = co_await tenant_->tokens->get(scope);
    if (!token) {
      report_.failed("token", token.error());
      co_return;
    }
    report_.ok("token", fmt::format("good until {}", (*token)->expires_at.str()));
    if (const auto problem = tenant_->tokens->successor_problem())
      report_.warn("credential", former_in_use(*problem), "put the right one in its place before the former one ends");
    const identity::TokenClaims claims = identity::read_claims((*token)->value);
    judge_claims(report_, config_, claims);
    judge_permissions(report_, wanted_, claims);
    const defender::Operation *list = runtime_.seams_.catalogue.find("list_actions");
    const bool delegated = claims.roles.empty() && !claims.scopes.empty();
    if (claims.readable && !list->missing_permissions(delegated ? claims.scopes : claims.roles, delegated).empty())
      co_return;
    Json request = {{"filter", {{"top", 1}}}};
    Result<Outcome> read = co_await runtime_.responder_.read(*list, std::move(request), tenant_, scope);
    if (read)
      report_.ok("api_accepts_token", "the API accepts the token");
    else
      report_.failed("api_accepts_token", read.error());
  }

  Runtime &runtime_;
  const TenantConfig config_;
  const std::shared_ptr<response::Tenant> tenant_;
  const WantedOperations &wanted_;
  const Json &vault_status_;
  PreflightReport report_;
};

struct Runtime::PreflightRun {
  explicit PreflightRun(loop::Scheduler &scheduler) : workers(scheduler) {}
  std::vector<std::unique_ptr<TenantPreflight>> tenants;
  std::vector<PreflightReport> reports;
  std::size_t next = 0;
  loop::Activity workers;
};

/// Takes tenants from the list until it is empty; several do so side by side.
loop::Task<void> Runtime::preflight_tenants(PreflightRun &run, loop::Scope &scope) {
  const loop::Activity::Mark mark(run.workers);
  while (run.next < run.tenants.size()) {
    const std::size_t index = run.next++;
    PreflightReport report = co_await run.tenants[index]->run(scope);
    run.reports[index] = std::move(report);
  }
}

loop::Task<Result<Outcome>> Runtime::preflight(Json request, std::string tenant, loop::Scope &scope) {
  const auto named = request.value("operations", std::vector<std::string>());
  Result<WantedOperations> wanted = wanted_operations(named);
  if (!wanted) co_return fail(std::move(wanted.error()));

  PreflightReport report;
  const Json vault_status = vault_->status();
  check_vault(report, vault_status);
  co_await check_ledger(report);
  co_await check_halt(report, response::kHaltOfAll);
  PreflightRun run(loop_.scheduler());
  {
    const std::lock_guard lock(mutex_);
    check_network(report, vault_status);
    if (!tenant.empty() && !config_.tenants.contains(tenant)) co_return fail(config_.resolve(tenant).error());
    for (const auto &[name, config] : config_.tenants)
      if (tenant.empty() || tenant == name) {
        const auto known = tenants_.find(name);
        run.tenants.push_back(std::make_unique<TenantPreflight>(
            *this, name, config, known == tenants_.end() ? nullptr : known->second, *wanted, vault_status));
      }
  }
  if (run.tenants.empty()) report.failed("config", "no tenant is configured", "add one under /tenants");
  run.reports.resize(run.tenants.size());
  for (int i = 0; i < kTenantsAtOnce; ++i) loop_.scheduler().spawn(preflight_tenants(run, scope));
  {
    loop::Scope to_the_end(loop_.scheduler());  // the workers refer to this frame; they end with `scope`
    (void)co_await run.workers.wait_idle(to_the_end);
  }
  if (scope.reason()) co_return fail(scope.error("the preflight"));
  for (PreflightReport &one : run.reports) report.append(std::move(one));
  co_return Outcome(Status::Ok, report.document());
}

void Runtime::check_network(PreflightReport &report, const Json &vault_status) {
  const UtcTicks now = clock_->utc();
  judge_trust(report, config_.http, now);
  judge_proxy(report, config_.http, transport_.proxy(), vault_status, now);
  judge_client_certificate(
      report, config_.http, [this](const std::string &name) { return vault_->get(name); }, now);
}

loop::Task<void> Runtime::check_ledger(PreflightReport &report) {
  const auto read = [](Tx &tx) { return tx.newest_sequence(); };
  Result<std::int64_t> newest = co_await ledger_->run(Durability::Read, read);
  if (!newest)
    report.failed("ledger", newest.error());
  else if (const std::string damage = ledger_->damage(); !damage.empty())
    report.failed("ledger", damage, "run ledger_check, and look at what it names");
  else if (!ledger_->has_key())
    report.failed("ledger", "the ledger has no key yet, so nothing can be recorded",
                  "unlock the vault; the ledger's key is kept in it");
  else if (ledger_->key_is_in_file())
    report.warn("ledger", "the ledger's key lies in a file beside it", "configure a vault with a file");
  else
    report.ok("ledger", fmt::format("{} records", *newest));
}

loop::Task<void> Runtime::check_halt(PreflightReport &report, std::string scope) {
  const auto read = [&scope](Tx &tx) { return response::halt_named(tx, scope); };
  const auto halted = co_await ledger_->run(Durability::Read, read);
  if (halted && *halted)
    report.warn("halt", "sending is halted, here and in every process of this ledger", "call resume when it may go on");
}

/// When a tenant's credential ends, as far as vault and certificate tell.
Json Runtime::credential_state(const Json &credential, const response::Tenant *tenant, const Json &vault_status) const {
  UtcTicks end;
  for (const char *member : kSecretMembers)
    if (const std::string name = text_or(credential, member); !name.empty())
      if (const auto known = UtcTicks::parse(text_or(note_of(vault_status, name), "not_after")))
        end = end.is_set() ? std::min(end, *known) : *known;
  if (tenant != nullptr)
    if (const auto known = tenant->tokens->source().not_after()) end = end.is_set() ? std::min(end, *known) : *known;
  std::string warning = expiry_warning("the credential", end, clock_->utc());
  if (tenant != nullptr)
    if (const auto problem = tenant->tokens->successor_problem()) warning = former_in_use(*problem);
  return {{"kind", text_or_null(text_or(credential, "kind"))},
          {"not_after", end.is_set() ? Json(end.str()) : Json(nullptr)},
          {"warning", text_or_null(warning)}};
}

}  // namespace cordon::plugin

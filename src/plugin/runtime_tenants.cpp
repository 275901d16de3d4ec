// The client's tenants, from the configuration and through its reloads.

#include <fmt/format.h>

#include <set>

#include "identity/credential.hpp"
#include "plugin/runtime_call.hpp"

namespace cordon::plugin {
namespace {

/// Members whose change needs a new client: what is open under them can't be moved.
constexpr const char *kFixedMembers[] = {"state_dir", "vault", "quota_scope", "track",
                                         "reconcile", "log",   "recover",     "retention_days"};

/// The answer of a reload that has left tenants unusable names so many.
constexpr std::size_t kNamed = 5;

bool is_unchanged(const TenantConfig &before, const TenantConfig &now) {
  return before.source == now.source && before.quota == now.quota && before.pointer == now.pointer;
}

bool has_same_service(const TenantConfig &before, const TenantConfig &now) {
  return before.tenant_id == now.tenant_id && before.client_id == now.client_id && before.cloud.api == now.cloud.api &&
         before.cloud.login == now.cloud.login && before.cloud.audience == now.cloud.audience;
}

/// What the changed tenant needs not find out, or earn, again.
void inherit(response::Tenant &tenant, const TenantConfig &now, const response::Tenant &former,
             const TenantConfig &before) {
  if (!has_same_service(before, now)) return;
  tenant.note_service_time(former.newest_service_time());
  if (before.credential == now.credential && before.pointer == now.pointer)
    tenant.tokens = former.tokens;
  else if (identity::SharedToken token = former.tokens->fresh())
    tenant.tokens->inherit(*token);
}

}  // namespace

std::shared_ptr<response::Tenant> Runtime::tenant_named(const std::string &name) const {
  const std::lock_guard lock(mutex_);
  const auto it = tenants_.find(name);
  return it == tenants_.end() ? nullptr : it->second;
}

Result<std::shared_ptr<response::Tenant>> Runtime::tenant_of(const std::string &named) const {
  const std::lock_guard lock(mutex_);
  Result<std::string> name = config_.resolve(named);
  if (!name) return fail(std::move(name.error()));
  return tenants_.at(*name);
}

Result<std::shared_ptr<response::Tenant>> Runtime::make_tenant(const std::string &name, const TenantConfig &config) {
  // Without a vault a key in a file beside it is all that would protect the tokens: they stay in memory.
  LedgerTokenStore *const store = config_.vault.absent ? nullptr : &token_store_;
  const identity::CredentialSeams seams(
      transport_, [this](const std::string &secret) { return vault_->get(secret); }, *random_, store);
  auto tenant = std::make_shared<response::Tenant>();
  tenant->name = name;
  tenant->tenant_id = config.tenant_id;
  tenant->client_id = config.client_id;
  tenant->cloud = config.cloud;
  tenant->quota = config.quota;
  tenant->one_quota = config_.one_quota;
  identity::Applicant applicant(name, tenant->tenant_id, tenant->client_id, tenant->cloud.login,
                                tenant->cloud.audience);
  auto source =
      identity::make_token_source(config.credential, config.pointer + "/credential", std::move(applicant), seams);
  if (!source) return fail(std::move(source.error()));
  tenant->tokens = std::make_shared<identity::TokenCache>(loop_.scheduler(), std::move(*source), store);
  return tenant;
}

/// Puts `next` in place of the configuration; gives the tenants of the former one, to be released without the lock.
Runtime::Tenants Runtime::use_config(Config next) {
  const std::lock_guard lock(mutex_);
  const Config before = std::exchange(config_, std::move(next));
  Tenants former = std::exchange(tenants_, {});
  for (auto &[name, config] : config_.tenants) {
    if (config.broken) continue;
    const auto old = former.find(name);
    if (old != former.end() && is_unchanged(before.tenants.at(name), config)) {
      tenants_.insert(*old);
      continue;
    }
    auto made = make_tenant(name, config);
    if (!made) {
      config.broken = std::move(made.error());
      continue;
    }
    if (old != former.end()) inherit(**made, config, *old->second, before.tenants.at(name));
    tenants_.emplace(name, std::move(*made));
  }
  return former;
}

loop::Task<Result<bool>> Runtime::take_over_config(Config next) {
  const Tenants former = use_config(std::move(next));
  std::set<std::string> added;
  {
    const std::lock_guard lock(mutex_);
    for (const auto &[name, tenant] : tenants_)
      if (!former.contains(name)) added.insert(name);
  }
  for (const auto &[name, tenant] : former) {
    const std::shared_ptr<response::Tenant> now = tenant_named(name);
    if (now == nullptr) tenant->retire();
    const auto login = logins_.find(name);
    if (login != logins_.end() && (now == nullptr || now->tokens != tenant->tokens))
      login->second->scope.cancel(Status::Interrupted);  // of a credential that is no more
  }
  responder_.tenants_changed(std::move(added));
  co_return true;
}

/// Why each tenant can't be used that can't, as far as shows without the network.
std::map<std::string, Error> Runtime::unusable_tenants() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Error> out;
  for (const auto &[name, config] : config_.tenants) {
    if (config.broken)
      out.emplace(name, *config.broken);
    else if (auto problem = tenants_.at(name)->tokens->source().problem())
      out.emplace(name, std::move(*problem));
  }
  return out;
}

void Runtime::log_broken_tenants() {
  for (const auto &[name, error] : unusable_tenants())
    log_->write(LogLevel::Error, "a tenant can't be used",
                {{"tenant", std::string_view(name)},
                 {"pointer", std::string_view(error.pointer)},
                 {"reason", std::string_view(error.message)}});
}

Result<void> Runtime::reload(std::string_view config_json) {
  Result<Config> read = Config::read(config_json);
  if (!read) return fail(std::move(read.error()));
  {
    const std::lock_guard lock(mutex_);
    for (const char *member : kFixedMembers)
      if (read->source.value(member, Json()) != config_.source.value(member, Json()))
        return fail(Error(Status::InvalidArgument,
                          fmt::format("config at /{}: can't change while the client is open; open a new one", member))
                        .at(fmt::format("/{}", member)));
  }
  const std::size_t count = read->tenants.size();
  const auto next = std::make_shared<Config>(std::move(*read));
  // Here, for the environment is this thread's to read.
  const auto proxy = std::make_shared<http::Proxy>(http::Proxy::of(next->http));
  const auto apply = [this, next, proxy](loop::Scope &) -> loop::Task<Result<bool>> {
    // First, for it may fail; also with unchanged settings, for the files they name may have been rotated.
    if (auto used = transport_.use(next->http, std::move(*proxy)); !used) co_return fail(std::move(used.error()));
    co_return co_await take_over_config(std::move(*next));
  };
  Result<bool> applied = run<bool>("", -1, apply);
  if (!applied) return fail(std::move(applied.error()));
  log_broken_tenants();
  const std::map<std::string, Error> unusable = unusable_tenants();
  if (unusable.empty()) return {};
  std::string named;
  std::size_t left = kNamed;
  for (const auto &[name, error] : unusable)
    if (left-- > 0)
      named += fmt::format("; {}: {}", name, error.message);
    else
      break;
  const std::string more =
      unusable.size() > kNamed ? fmt::format("; {} more, see health", unusable.size() - kNamed) : "";
  return fail(Error(Status::InvalidState,
                    fmt::format("the configuration was taken over, but {} of its {} tenants can't be used{}{}",
                                unusable.size(), count, named, more))
                  .at(unusable.begin()->second.pointer));
}

}  // namespace cordon::plugin

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "defender/cloud.hpp"
#include "http/settings.hpp"
#include "ledger/quota.hpp"
#include "response/seams.hpp"
#include "vault/vault.hpp"

namespace cordon::plugin {

/// Windows by quota class.
using Quotas = std::map<std::string, ledger::QuotaWindows>;

/// One entry of `tenants`, or one file of `tenants_dir`, defaults applied. A broken one disables itself alone.
struct TenantConfig {
  TenantConfig() = default;
  Json source;                  ///< as configured, defaults merged in: equal means unchanged
  std::string file;             ///< of tenants_dir; empty: it stands in the config itself
  std::string pointer;          ///< its place: "/tenants/contoso" in the config, or "<file>#"
  std::optional<Error> broken;  ///< why it can't be used; the rest may then be unset
  std::string tenant_id;
  std::string client_id;
  defender::Cloud cloud;
  Json credential;
  Quotas quota;
};

/// The client's configuration (plugin_manifest/schemas/config.schema.json), read and checked.
struct Config {
  Config() = default;
  /// `text` absent: the file named by $CORDON_CONFIG, then /etc/cordon/cordon.json. Errors: INVALID_ARGUMENT with the
  /// JSON pointer; NOT_SUPPORTED for a member that this version can't honour.
  static Result<Config> read(std::string_view text);

  /// The tenant a call means: the named one, else the default. INVALID_ARGUMENT, or why the tenant is broken.
  Result<std::string> resolve(const std::string &named) const;

  Json source;  ///< without the tenants
  std::string state_dir;
  vault::Settings vault;
  std::map<std::string, TenantConfig> tenants;
  std::string default_tenant;
  http::Settings http;
  bool one_quota = false;
  response::Timing timing;
  milliseconds timeout{60'000};
  Log::Settings log;
  bool recover = true;
  std::chrono::hours retention{};
};

}  // namespace cordon::plugin

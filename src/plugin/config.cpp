#include "plugin/config.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/schema.hpp"
#include "base/text.hpp"
#include "defender/operation.hpp"
#include "embedded/config_schema.hpp"
#include "plugin/http_config.hpp"

namespace cordon::plugin {
namespace {

constexpr const char *kDefaultPath = "/etc/cordon/cordon.json";

Result<std::string> read_file() {
  const char *named = std::getenv("CORDON_CONFIG");
  const std::string path = named != nullptr && *named != '\0' ? named : kDefaultPath;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(Status::InvalidArgument,
                fmt::format("no config was given and the file {} can't be read; pass a config, or name its file in "
                            "CORDON_CONFIG",
                            path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Members whose promise this version could not keep. They are refused, for a guard rail that is read and not applied
/// would be worse than none.
Result<void> refuse_unsupported(const Json &config) {
  constexpr std::array<const char *, 4> kUnsupported = {"/tenants_dir", "/policy_file", "/policy",
                                                        "/tenant_defaults/policy"};
  for (const char *pointer : kUnsupported) {
    const Json::json_pointer place(pointer);
    if (!config.contains(place)) continue;
    const Json &value = config[place];
    if (value.is_null() || (value.is_object() && value.empty())) continue;
    return fail(Error(Status::NotSupported,
                      fmt::format("config at {}: this version can't honour it; remove the member", pointer))
                    .at(pointer));
  }
  return {};
}

Result<ledger::QuotaWindows> windows_at(const Json &quota, const std::string &pointer) {
  auto windows = ledger::parse_quota(quota.get<std::string>());
  if (!windows) return fail(std::move(windows.error()).at(pointer));
  return windows;
}

/// Lays the config's `quota` (one text for all classes, or a text by class) over what is known already.
Result<void> apply_quota(const Json &quota, const std::string &pointer, Quotas &quotas) {
  if (quota.is_string()) {
    auto windows = windows_at(quota, pointer);
    if (!windows) return fail(std::move(windows.error()));
    for (auto &[name, known] : quotas) known = *windows;
  } else if (quota.is_object()) {
    for (const auto &[name, text] : quota.items()) {
      const std::string place = pointer + "/" + json_pointer_token(name);
      const auto known = quotas.find(name);
      if (known == quotas.end())
        return fail(Error(Status::InvalidArgument, fmt::format("config at {}: no such quota class", place)).at(place));
      auto windows = windows_at(text, place);
      if (!windows) return fail(std::move(windows.error()));
      known->second = std::move(*windows);
    }
  }
  return {};
}

Quotas default_quotas() {
  Quotas quotas;
  for (const defender::QuotaClass &known : defender::Catalogue::instance().quota_classes()) {
    ledger::QuotaWindows &windows = quotas[known.name];
    for (const auto &window : known.windows) windows.emplace_back(window.calls, std::chrono::seconds(window.seconds));
  }
  return quotas;
}

Result<void> fill_tenant(TenantConfig &tenant, const Quotas &common) {
  const Json &source = tenant.source;
  const auto missing = [&](const char *member) {
    return fail(Error(Status::InvalidArgument, fmt::format("config at {}: {} is missing", tenant.pointer, member))
                    .at(tenant.pointer + "/" + member));
  };
  if (const auto policy = source.find("policy"); policy != source.end() && !policy->empty())
    return fail(Error(Status::NotSupported, "guard rails per tenant are not offered by this version; remove the member")
                    .at(tenant.pointer + "/policy"));
  tenant.tenant_id = to_lower(text_or(source, "tenant_id"));
  if (tenant.tenant_id.empty()) return missing("tenant_id");
  const bool domain = tenant.tenant_id.find('.') != std::string::npos;
  if (!is_uuid(tenant.tenant_id) && (!domain || percent_encode(tenant.tenant_id) != tenant.tenant_id))
    return fail(
        Error(Status::InvalidArgument,
              fmt::format("config at {}/tenant_id: must be the tenant's GUID or a verified domain", tenant.pointer))
            .at(tenant.pointer + "/tenant_id"));
  tenant.client_id = to_lower(text_or(source, "client_id"));
  const Json credential = source.value("credential", Json(nullptr));
  const bool own_identity = credential.is_object() && text_or(credential, "kind") == "managed_identity";
  if (tenant.client_id.empty() && !own_identity) return missing("client_id");
  if (!tenant.client_id.empty() && !is_uuid(tenant.client_id))
    return fail(Error(Status::InvalidArgument,
                      fmt::format("config at {}/client_id: must be the application's GUID", tenant.pointer))
                    .at(tenant.pointer + "/client_id"));
  auto cloud = defender::parse_cloud(source.value("cloud", Json("commercial")));
  if (!cloud) {
    cloud.error().pointer = tenant.pointer + cloud.error().pointer;
    return fail(std::move(cloud.error()));
  }
  tenant.cloud = std::move(*cloud);
  if (!source.contains("credential")) return missing("credential");
  tenant.credential = credential;
  tenant.quota = common;
  if (const auto quota = source.find("quota"); quota != source.end())
    return apply_quota(*quota, tenant.pointer + "/quota", tenant.quota);
  return {};
}

Result<void> fill_tenants(Config &config) {
  Quotas common = default_quotas();
  if (const auto quota = config.source.find("quota"); quota != config.source.end())
    if (auto applied = apply_quota(*quota, "/quota", common); !applied) return applied;
  const Json defaults = config.source.value("tenant_defaults", Json::object());
  const Json tenants = config.source.value("tenants", Json::object());
  for (const auto &[name, own] : tenants.items()) {
    TenantConfig &tenant = config.tenants[name];
    tenant.pointer = "/tenants/" + json_pointer_token(name);
    tenant.source = defaults;
    tenant.source.update(own);
    if (auto filled = fill_tenant(tenant, common); !filled) tenant.broken = std::move(filled.error());
  }
  config.default_tenant = text_or(config.source, "default_tenant");
  if (config.default_tenant.empty() && config.tenants.size() == 1)
    config.default_tenant = config.tenants.begin()->first;
  if (!config.default_tenant.empty() && !config.tenants.contains(config.default_tenant))
    return fail(Error(Status::InvalidArgument, "config at /default_tenant: no tenant of this name under /tenants")
                    .at("/default_tenant"));
  return {};
}

Log::Settings log_settings(const Json &log) {
  Log::Settings out;
  out.fd = static_cast<int>(int_or(log, "fd", -1));
  out.file = text_or(log, "file");
  const std::string level = text_or(log, "level", "info");
  out.level = level == "debug"     ? LogLevel::Debug
              : level == "warning" ? LogLevel::Warning
              : level == "error"   ? LogLevel::Error
                                   : LogLevel::Info;
  return out;
}

}  // namespace

Result<Config> Config::read(std::string_view text) {
  std::string from_file;
  if (text.data() == nullptr) {
    auto file = read_file();
    if (!file) return fail(std::move(file.error()));
    from_file = std::move(*file);
    text = from_file;
  }
  static const JsonSchema &schema = *new JsonSchema(embedded::config_schema);  // used by calls during exit(), too
  auto source = parse_json(text, "config");
  if (!source) return fail(std::move(source.error()));
  if (auto valid = schema.validate(*source, "config"); !valid) return fail(std::move(valid.error()));
  if (auto supported = refuse_unsupported(*source); !supported) return fail(std::move(supported.error()));

  Config config;
  config.source = std::move(*source);
  const Json &json = config.source;
  config.state_dir = text_or(json, "state_dir");
  if (!config.state_dir.starts_with('/'))
    return fail(Error(Status::InvalidArgument, "config at /state_dir: must be an absolute path").at("/state_dir"));
  auto vault = vault::Settings::from_json(json.value("vault", Json(nullptr)));
  if (!vault) return fail(std::move(vault.error()));
  config.vault = std::move(*vault);
  auto http = read_http(json.value("http", Json::object()));
  if (!http) return fail(std::move(http.error()));
  config.http = std::move(*http);
  config.one_quota = text_or(json, "quota_scope") == "application";
  config.timing.track_interval = milliseconds(int_or(json.value("track", Json::object()), "interval_ms", 15'000));
  config.timing.settle = milliseconds(int_or(json.value("reconcile", Json::object()), "settle_ms", 35'000));
  config.timeout = milliseconds(int_or(json, "timeout_ms", 60'000));
  config.log = log_settings(json.value("log", Json::object()));
  config.retention = std::chrono::hours(24 * int_or(json, "retention_days", 90));
  config.recover = bool_or(json, "recover", true);
  if (auto filled = fill_tenants(config); !filled) return fail(std::move(filled.error()));
  return config;
}

Result<std::string> Config::resolve(const std::string &named) const {
  const std::string &name = named.empty() ? default_tenant : named;
  if (name.empty())
    return fail(Error(Status::InvalidArgument,
                      tenants.empty()
                          ? "the config has no tenant; add one under /tenants"
                          : "several tenants are configured and none is the default; name one in options.tenant")
                    .at("/options/tenant"));
  const auto tenant = tenants.find(name);
  if (tenant == tenants.end())
    return fail(Error(Status::InvalidArgument, "no tenant of this name is configured").at("/options/tenant"));
  if (tenant->second.broken) return fail(*tenant->second.broken);
  return name;
}

}  // namespace cordon::plugin

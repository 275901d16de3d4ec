#include "plugin/config_tenants.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/schema.hpp"
#include "base/text.hpp"
#include "defender/operation.hpp"
#include "embedded/config_schema.hpp"
#include "plugin/tenants_dir.hpp"

namespace cordon::plugin {
namespace {

constexpr std::size_t kMostInOneFile = 10'000;

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

const JsonSchema &tenant_schema() {
  static const JsonSchema &schema = JsonSchema::lasting([] {
    const Json whole = Json::parse(embedded::config_schema);
    Json tenant = whole["definitions"]["tenant"];
    tenant["definitions"] = whole["definitions"];
    return tenant;
  }());
  return schema;
}

/// `own`: as it stands at the tenant's place, without the defaults.
Result<void> fill_tenant(TenantConfig &tenant, const Json &own, const Json &defaults, const Quotas &common) {
  if (auto valid = tenant_schema().validate(own, "config", tenant.pointer); !valid) return valid;
  tenant.source = defaults;
  tenant.source.update(own);
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
  auto cloud = defender::parse_cloud(source.value("cloud", Json("commercial")), tenant.pointer);
  if (!cloud) return fail(std::move(cloud.error()));
  tenant.cloud = std::move(*cloud);
  if (!source.contains("credential")) return missing("credential");
  tenant.credential = credential;
  tenant.quota = common;
  if (const auto quota = source.find("quota"); quota != source.end())
    return apply_quota(*quota, tenant.pointer + "/quota", tenant.quota);
  return {};
}

/// What a tenant is made of besides its own document.
struct Common {
  Common(Json defaults_, Quotas quotas_) : defaults(std::move(defaults_)), quotas(std::move(quotas_)) {}
  Json defaults;
  Quotas quotas;
};

void add_tenant(Config &config, const std::string &name, TenantConfig tenant, const Result<Json> &own,
                const Common &common) {
  auto filled = own ? fill_tenant(tenant, *own, common.defaults, common.quotas) : Result<void>(fail(own.error()));
  if (filled && !is_tenant_name(name))
    filled = fail(
        Error(Status::InvalidArgument,
              fmt::format("config at {}: can't name a tenant: use 1 to 64 bytes of printable UTF-8", tenant.pointer))
            .at(tenant.pointer));
  if (!filled) tenant.broken = std::move(filled.error());
  config.tenants[name] = std::move(tenant);
}

Result<void> add_from_directory(Config &config, const std::string &directory, const Common &common) {
  if (!directory.starts_with('/'))
    return fail(Error(Status::InvalidArgument, "config at /tenants_dir: must be an absolute path").at("/tenants_dir"));
  auto files = read_tenants_dir(directory);
  if (!files) return fail(std::move(files.error()));
  for (const TenantFile &file : *files) {
    if (const auto known = config.tenants.find(file.name); known != config.tenants.end()) {
      // Whichever was meant, acting for the other one would be wrong.
      known->second.broken =
          Error(Status::InvalidArgument,
                fmt::format("config at {}: the tenant {} is also defined by {}, and neither of them is used; remove "
                            "or rename one",
                            known->second.pointer, file.name, file.path))
              .at(known->second.pointer);
      continue;
    }
    TenantConfig tenant;
    tenant.file = file.path;
    tenant.pointer = file.path + "#";
    add_tenant(config, file.name, std::move(tenant), file.content, common);
  }
  return {};
}

}  // namespace

Json take_tenants(Json &document) {
  const auto tenants = document.is_object() ? document.find("tenants") : document.end();
  if (tenants == document.end() || !tenants->is_object()) return Json::object();  // what it is the schema will say
  return std::exchange(*tenants, Json::object());
}

Result<void> read_tenants(Config &config, const Json &tenants) {
  if (tenants.size() > kMostInOneFile)
    return fail(
        Error(Status::InvalidArgument,
              fmt::format("config at /tenants: holds more than {} tenants; use several clients", kMostInOneFile))
            .at("/tenants"));
  Quotas quotas = default_quotas();
  if (const auto quota = config.source.find("quota"); quota != config.source.end())
    if (auto applied = apply_quota(*quota, "/quota", quotas); !applied) return applied;
  const Common common(config.source.value("tenant_defaults", Json::object()), std::move(quotas));
  for (const auto &[name, own] : tenants.items()) {
    TenantConfig tenant;
    tenant.pointer = "/tenants/" + json_pointer_token(name);
    add_tenant(config, name, std::move(tenant), own, common);
  }
  const std::string directory = text_or(config.source, "tenants_dir");
  if (!directory.empty())
    if (auto added = add_from_directory(config, directory, common); !added) return added;
  config.default_tenant = text_or(config.source, "default_tenant");
  if (config.default_tenant.empty() && config.tenants.size() == 1)
    config.default_tenant = config.tenants.begin()->first;
  // A file that is missing in the directory is no reason to stop all others.
  if (directory.empty() && !config.default_tenant.empty() && !config.tenants.contains(config.default_tenant))
    return fail(Error(Status::InvalidArgument, "config at /default_tenant: no tenant of this name under /tenants")
                    .at("/default_tenant"));
  return {};
}

}  // namespace cordon::plugin

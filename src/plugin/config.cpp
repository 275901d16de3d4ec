#include "plugin/config.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/descriptor.hpp"
#include "base/open_file.hpp"
#include "base/schema.hpp"
#include "base/system_reason.hpp"
#include "base/text.hpp"
#include "defender/operation.hpp"
#include "embedded/config_schema.hpp"
#include "plugin/config_tenants.hpp"
#include "plugin/http_config.hpp"

namespace cordon::plugin {
namespace {

constexpr const char *kDefaultPath = "/etc/cordon/cordon.json";

Result<std::string> read_file() {
  const char *named = std::getenv("CORDON_CONFIG");
  const std::string path = named != nullptr && *named != '\0' ? named : kDefaultPath;
  const Descriptor file(open_file(path, O_RDONLY | O_NOCTTY));
  std::string text(JsonLimits().bytes + 1, '\0');
  const auto size = file ? read_up_to(file, text.data(), text.size()) : std::nullopt;
  if (!size)
    return fail(Status::InvalidArgument,
                fmt::format("no config was given and the file {} can't be read: {}; pass a config, or name its file in "
                            "CORDON_CONFIG",
                            path, system_reason(errno)));
  text.resize(*size);
  return text;
}

/// Members whose promise this version could not keep. They are refused, for a guard rail that is read and not applied
/// would be worse than none.
Result<void> refuse_unsupported(const Json &config) {
  constexpr std::array<const char *, 3> kUnsupported = {"/policy_file", "/policy", "/tenant_defaults/policy"};
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
  static const JsonSchema &schema = JsonSchema::lasting(embedded::config_schema);
  auto source = parse_json(text, "config");
  if (!source) return fail(std::move(source.error()));
  const Json tenants = take_tenants(*source);
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
  if (auto filled = read_tenants(config, tenants); !filled) return fail(std::move(filled.error()));
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
    return fail(Error(Status::InvalidArgument, named.empty()
                                                   ? "the default tenant is not configured; name another one in "
                                                     "options.tenant, or add it and reload"
                                                   : "no tenant of this name is configured; add it and reload")
                    .at("/options/tenant"));
  if (tenant->second.broken) return fail(*tenant->second.broken);
  return name;
}

}  // namespace cordon::plugin

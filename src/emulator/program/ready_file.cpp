#include "emulator/program/ready_file.hpp"

#include <unistd.h>

#include <algorithm>

#include "emulator/output_file.hpp"

namespace cordon::emulator {
namespace {

constexpr int kTrackIntervalMs = 15'000, kSettleMs = 35'000;  // a client's defaults
constexpr int kLeastMs = 50;

int scaled(int ms, int speed) {
  return std::max(kLeastMs, ms / speed);
}

const App *app_of(const Directory &directory, const TenantRecord &tenant) {
  for (const App &app : directory.apps)
    if (app.tenant_id == tenant.tenant_id) return &app;
  return nullptr;
}

std::filesystem::path directory_of(const ReadyState &state) {
  return std::filesystem::absolute(state.ready_file).parent_path();
}
std::filesystem::path key_file_of(const ReadyState &state) {
  return directory_of(state) / "vault.key";
}

Json client_config(const Service &service, const ReadyState &state) {
  const Directory &directory = service.directory();
  const std::filesystem::path home = directory_of(state), state_dir = home / "state";
  Json tenants = Json::object();
  for (const TenantRecord &tenant : directory.tenants) {
    const App *app = app_of(directory, tenant);
    if (app == nullptr) continue;
    tenants[tenant.name] = {{"tenant_id", tenant.tenant_id},
                            {"client_id", app->client_id},
                            {"credential", {{"kind", "client_secret"}, {"secret_name", app->name}}}};
  }
  return {{"state_dir", state_dir.string()},
          {"vault",
           {{"file", (state_dir / "credentials.cordon").string()},
            {"unlock", Json::array({{{"key_file", key_file_of(state).string()}}})}}},
          {"tenant_defaults",
           {{"cloud", {{"api", state.url}, {"login", state.url}, {"audience", directory.api_audiences.front()}}}}},
          {"default_tenant", directory.tenants.front().name},
          {"tenants", std::move(tenants)},
          {"http", {{"ca_file", state.ca_file.string()}, {"proxy", ""}}},
          {"quota", quota_text(service.quota().usual, state.speed)},
          {"quota_scope", service.quota().per_endpoint ? "endpoint" : "application"},
          {"track", {{"interval_ms", scaled(kTrackIntervalMs, state.speed)}}},
          {"reconcile", {{"settle_ms", scaled(kSettleMs, state.speed)}}}};
}

}  // namespace

Json ready_document(const Service &service, const ReadyState &state) {
  const TenantRecord &tenant = service.directory().tenants.front();
  const MadeFleet &fleet = service.fleet(tenant.tenant_id);
  const App *app = app_of(service.directory(), tenant);
  Json document = {{"url", state.url},
                   {"control_url", state.control_url},
                   {"ca_file", state.ca_file.string()},
                   {"pid", getpid()},
                   {"tenant_id", tenant.tenant_id},
                   {"client_id", app == nullptr ? Json(nullptr) : Json(app->client_id)},
                   {"client_secret", app == nullptr ? Json(nullptr) : Json(app->client_secret)},
                   {"machines", fleet.machines},
                   {"files", fleet.files},
                   {"microsoft_signed_file", fleet.microsoft_signed_file},
                   {"cast",
                    {{"online", fleet.cast.online},
                     {"offline", fleet.cast.offline},
                     {"fails", fleet.cast.fails},
                     {"linux", fleet.cast.linux_host},
                     {"server", fleet.cast.server},
                     {"slow", fleet.cast.slow},
                     {"merged", fleet.cast.merged}}},
                   {"config", client_config(service, state)}};
  if (!state.identity_url.empty())
    document["identity"] = {{"imds", state.identity_url},
                            {"app_service", state.identity_url + "/msi/token"},
                            {"app_service_header", service.identity_endpoints().app_service_header()},
                            {"arc", state.identity_url + "/arc"},
                            {"arc_key_dir", text_or_null(state.arc_key_dir.string())}};
  if (state.credentials)
    document["credentials"] = {{"certificate_file", state.credentials->certificate.string()},
                               {"assertion_file", state.credentials->assertion.string()}};
  return document;
}

Result<void> write_ready_file(const Service &service, const ReadyState &state) {
  if (auto made = make_private_directory(directory_of(state) / "state"); !made) return made;
  if (!std::filesystem::exists(key_file_of(state))) {
    std::string key(32, '\0');
    SystemRandom().fill(key.data(), key.size());
    if (auto written = write_file(key_file_of(state), key, 0600); !written) return written;
  }
  return write_file(state.ready_file, ready_document(service, state).dump(2) + "\n", 0600);
}

}  // namespace cordon::emulator

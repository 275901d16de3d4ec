#include "emulator/directory.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

/// With or without a slash at the end it is the same audience.
std::string_view trim_slash(std::string_view audience) {
  if (audience.ends_with('/')) audience.remove_suffix(1);
  return audience;
}

bool contains(const std::vector<std::string> &list, std::string_view audience) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string &one) { return trim_slash(one) == trim_slash(audience); });
}

}  // namespace

const TenantRecord *Directory::find_tenant(std::string_view id_or_domain) const {
  const auto found = std::find_if(tenants.begin(), tenants.end(), [&](const TenantRecord &tenant) {
    return equal_ignoring_case(tenant.tenant_id, id_or_domain) || equal_ignoring_case(tenant.domain, id_or_domain);
  });
  return found == tenants.end() ? nullptr : &*found;
}

const App *Directory::find_app(std::string_view tenant_id, std::string_view client_id) const {
  const auto found = std::find_if(apps.begin(), apps.end(), [&](const App &app) {
    return app.tenant_id == tenant_id && equal_ignoring_case(app.client_id, client_id);
  });
  return found == apps.end() ? nullptr : &*found;
}

App *Directory::find_app(std::string_view tenant_id, std::string_view client_id) {
  return const_cast<App *>(std::as_const(*this).find_app(tenant_id, client_id));
}

const App *Directory::find_identity(std::string_view client_id, std::string_view object_id,
                                    std::string_view resource_id) const {
  const bool unnamed = client_id.empty() && object_id.empty() && resource_id.empty();
  const auto found = std::find_if(apps.begin(), apps.end(), [&](const App &app) {
    if (unnamed) return app.machine_identity;
    return (!client_id.empty() && equal_ignoring_case(app.client_id, client_id)) ||
           (!object_id.empty() && equal_ignoring_case(app.object_id, object_id)) ||
           (!resource_id.empty() && equal_ignoring_case(app.resource_id, resource_id));
  });
  if (found != apps.end()) return &*found;
  // Without any that is marked the first application is the machine's.
  const bool marked = std::any_of(apps.begin(), apps.end(), [](const App &app) { return app.machine_identity; });
  return unnamed && !marked && !apps.empty() ? &apps.front() : nullptr;
}

bool Directory::is_api_audience(std::string_view audience) const {
  return contains(api_audiences, audience);
}

bool Directory::is_known_audience(std::string_view audience) const {
  return is_api_audience(audience) || contains(other_audiences, audience);
}

std::vector<std::string> all_roles() {
  return {"Machine.Isolate",          "Machine.RestrictExecution", "Machine.Scan",     "Machine.StopAndQuarantine",
          "Machine.CollectForensics", "Machine.Offboard",          "Machine.Read.All", "Machine.ReadWrite.All"};
}

std::string delegated_name(std::string permission) {
  constexpr std::string_view kSuffix = ".All";
  if (permission.ends_with(kSuffix)) permission.resize(permission.size() - kSuffix.size());
  return permission;
}

std::vector<std::string> all_scopes() {
  std::vector<std::string> scopes;
  for (const std::string &role : all_roles()) scopes.push_back(delegated_name(role));
  return scopes;
}

}  // namespace cordon::emulator

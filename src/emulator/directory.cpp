#include "emulator/directory.hpp"

#include <algorithm>

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

}  // namespace cordon::emulator

#include "defender/machine.hpp"

#include "base/text.hpp"

namespace cordon::defender {
namespace {

UtcTicks time_of(const Json &entity, const char *key) {
  return UtcTicks::parse(text_or(entity, key)).value_or(UtcTicks());
}

Json time_or_null(UtcTicks time) {
  return time.is_set() ? Json(time.str()) : Json(nullptr);
}

bool begins_with(const std::string &text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_ignoring_case(std::string_view(text).substr(0, prefix.size()), prefix);
}

}  // namespace

bool Machine::is_windows() const {
  return begins_with(os_platform, "Windows");
}

bool Machine::is_server() const {
  if (begins_with(os_platform, "WindowsServer")) return true;
  return !os_platform.empty() && !is_windows() && !begins_with(os_platform, "macOS") &&
         !begins_with(os_platform, "iOS") && !begins_with(os_platform, "Android");
}

Result<Machine> parse_machine(const Json &entity) {
  Machine m;
  m.id = to_lower(text_or(entity, "id"));
  if (m.id.empty()) return fail(Status::InvalidResponse, "the service's machine has no text \"id\"");
  m.merged_into = to_lower(text_or(entity, "mergedIntoMachineId"));
  m.potential_duplicate = bool_or(entity, "isPotentialDuplication", false);
  m.excluded = bool_or(entity, "isExcluded", false);
  m.computer_dns_name = text_or(entity, "computerDnsName");
  m.first_seen = time_of(entity, "firstSeen");
  m.last_seen = time_of(entity, "lastSeen");
  m.os_platform = text_or(entity, "osPlatform");
  m.os_version = text_or(entity, "version");
  m.os_build = int_or(entity, "osBuild", 0);
  m.agent_version = text_or(entity, "agentVersion");
  m.health_status = text_or(entity, "healthStatus");
  m.onboarding_status = text_or(entity, "onboardingStatus");
  m.rbac_group_id = int_or(entity, "rbacGroupId", 0);
  m.rbac_group_name = text_or(entity, "rbacGroupName");
  m.device_value = text_or(entity, "deviceValue");
  m.risk_score = text_or(entity, "riskScore");
  m.exposure_level = text_or(entity, "exposureLevel");
  if (const auto tags = entity.find("machineTags"); tags != entity.end() && tags->is_array())
    for (const Json &tag : *tags)
      if (tag.is_string()) m.tags.push_back(tag.get<std::string>());
  m.aad_device_id = to_lower(text_or(entity, "aadDeviceId"));
  m.managed_by = text_or(entity, "managedBy");
  m.last_ip = text_or(entity, "lastIpAddress");
  m.last_external_ip = text_or(entity, "lastExternalIpAddress");
  return m;
}

Result<MachinePage> parse_machine_list(const Json &envelope) {
  const auto rows = envelope.is_object() ? envelope.find("value") : envelope.end();
  if (rows == envelope.end() || !rows->is_array())
    return fail(Status::InvalidResponse, "the service's list of machines has no array \"value\"");
  MachinePage page;
  page.machines.reserve(rows->size());
  for (const Json &row : *rows) {
    auto machine = parse_machine(row);
    if (!machine) return fail(std::move(machine.error()));
    page.machines.push_back(std::move(*machine));
  }
  page.next_link = text_or(envelope, "@odata.nextLink");
  return page;
}

Json to_json(const Machine &m) {
  Json out = Json::object();
  out["machine_id"] = m.id;
  out["merged_into"] = text_or_null(m.merged_into);
  out["potential_duplicate"] = m.potential_duplicate;
  out["excluded"] = m.excluded;
  out["computer_name"] = text_or_null(m.computer_dns_name);
  out["first_seen"] = time_or_null(m.first_seen);
  out["last_seen"] = time_or_null(m.last_seen);
  out["os_platform"] = text_or_null(m.os_platform);
  out["os_version"] = text_or_null(m.os_version);
  out["os_build"] = m.os_build == 0 ? Json(nullptr) : Json(m.os_build);
  out["agent_version"] = text_or_null(m.agent_version);
  out["health_status"] = text_or_null(m.health_status);
  out["onboarding_status"] = text_or_null(m.onboarding_status);
  out["device_group_id"] = m.rbac_group_id;
  out["device_group"] = text_or_null(m.rbac_group_name);
  out["device_value"] = text_or_null(m.device_value);
  out["risk_score"] = text_or_null(m.risk_score);
  out["exposure_level"] = text_or_null(m.exposure_level);
  out["tags"] = m.tags;
  out["entra_device_id"] = text_or_null(m.aad_device_id);
  out["managed_by"] = text_or_null(m.managed_by);
  out["last_ip"] = text_or_null(m.last_ip);
  out["last_external_ip"] = text_or_null(m.last_external_ip);
  return out;
}

}  // namespace cordon::defender

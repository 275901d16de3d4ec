#include "emulator/machine.hpp"

#include <array>

namespace cordon::emulator {
namespace {

// Texts, not enums: unlike a machine action's, the sets are open (mde-api §8).
constexpr std::array<ODataProperty, 14> kProperties = {{{"computerDnsName", PropertyKind::Text},
                                                        {"id", PropertyKind::Text},
                                                        {"version", PropertyKind::Text},
                                                        {"deviceValue", PropertyKind::Text},
                                                        {"aadDeviceId", PropertyKind::Guid},
                                                        {"machineTags", PropertyKind::TextList},
                                                        {"lastSeen", PropertyKind::Time},
                                                        {"exposureLevel", PropertyKind::Text},
                                                        {"onboardingStatus", PropertyKind::Text},
                                                        {"lastIpAddress", PropertyKind::Text},
                                                        {"healthStatus", PropertyKind::Text},
                                                        {"osPlatform", PropertyKind::Text},
                                                        {"riskScore", PropertyKind::Text},
                                                        {"rbacGroupId", PropertyKind::Integer}}};

/// In the order of kProperties.
ODataValue value_of(const Machine &machine, std::size_t property) {
  switch (property) {
    case 0:
      return std::string_view(machine.name);
    case 1:
      return std::string_view(machine.id);
    case 2:
      return std::string_view(machine.version);
    case 3:
      return std::string_view(machine.device_value);
    case 4:
      return std::string_view(machine.aad_device_id);
    case 5:
      return &machine.tags;
    case 6:
      return machine.last_seen;
    case 7:
      return std::string_view(machine.exposure_level);
    case 8:
      return std::string_view(machine.onboarding);
    case 9:
      return std::string_view(machine.ip);
    case 10:
      return std::string_view(machine.health);
    case 11:
      return std::string_view(machine.os_platform);
    case 12:
      return std::string_view(machine.risk_score);
    case 13:
      return machine.group_id;
    default:
      return {};
  }
}

/// Derived from the id, so that it never changes.
std::string mac_address(const Machine &machine) {
  return "00155D" + machine.id.substr(0, 6);
}

}  // namespace

const ODataType<Machine> &machine_type() {
  static const ODataType<Machine> type = {"Machine", kProperties, &value_of};
  return type;
}

Json to_json(const Machine &machine) {
  const bool windows = machine.is_windows();
  return {{"id", machine.id},
          {"mergedIntoMachineId", text_or_null(machine.merged_into)},
          {"isPotentialDuplication", false},
          {"isExcluded", false},
          {"exclusionReason", nullptr},
          {"computerDnsName", text_or_null(machine.name)},
          {"firstSeen", machine.first_seen.str()},
          {"lastSeen", machine.last_seen.str()},
          {"osPlatform", machine.os_platform},
          {"osVersion", nullptr},
          {"osProcessor", "x64"},
          {"version", text_or_null(machine.version)},
          {"lastIpAddress", text_or_null(machine.ip)},
          {"lastExternalIpAddress", "203.0.113.7"},
          {"agentVersion", windows ? "10.8760." + std::to_string(machine.os_build) + ".4037" : "30.124082.4.0"},
          {"osBuild", windows ? Json(machine.os_build) : Json(nullptr)},
          {"healthStatus", machine.health},
          {"deviceValue", machine.device_value},
          {"rbacGroupId", machine.group_id},
          {"rbacGroupName", text_or_null(machine.group_name)},
          {"riskScore", machine.risk_score},
          {"exposureLevel", machine.exposure_level},
          {"isAadJoined", windows && !machine.is_windows_server()},
          {"aadDeviceId", text_or_null(machine.aad_device_id)},
          {"machineTags", machine.tags},
          {"onboardingStatus", machine.onboarding},
          {"osArchitecture", "64-bit"},
          {"managedBy", windows ? "Intune" : "Unknown"},
          {"managedByStatus", windows ? "Success" : "Unknown"},
          {"ipAddresses", Json::array({{{"ipAddress", machine.ip},
                                        {"macAddress", mac_address(machine)},
                                        {"type", "Ethernet"},
                                        {"operationalStatus", "Up"}}})},
          {"vmMetadata", nullptr}};
}

std::optional<Behaviour> parse_behaviour(std::string_view text) {
  if (text == "online") return Behaviour::Online;
  if (text == "offline") return Behaviour::Offline;
  if (text == "fails") return Behaviour::Fails;
  if (text == "slow") return Behaviour::Slow;
  return std::nullopt;
}

}  // namespace cordon::emulator

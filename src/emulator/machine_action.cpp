#include "emulator/machine_action.hpp"

#include <array>
#include <span>

namespace cordon::emulator {
namespace {

constexpr std::array<std::string_view, 6> kStatusWords = {"Pending", "Cancelled",  "TimeOut",
                                                          "Failed",  "InProgress", "Succeeded"};

/// mde-api §5.4
constexpr std::array<std::string_view, 21> kTypes = {"Unknown",
                                                     "RequestSample",
                                                     "Block",
                                                     "RunAntiVirusScan",
                                                     "Offboard",
                                                     "RegenerateId",
                                                     "CollectInvestigationPackage",
                                                     "Isolate",
                                                     "Unisolate",
                                                     "StopAndQuarantineFile",
                                                     "RestrictCodeExecution",
                                                     "UnrestrictCodeExecution",
                                                     "LiveResponse",
                                                     "Troubleshoot",
                                                     "LogsCollection",
                                                     "TokenRefresh",
                                                     "EndpointConfigManagementCheckin",
                                                     "EnableActiveDirectoryUser",
                                                     "DisableActiveDirectoryUser",
                                                     "ResetPasswordActiveDirectoryUser",
                                                     "ImmuneActiveDirectoryCustomPlaybook"};

/// externalId comes last, so that a shorter span leaves it out (mde-api §6).
constexpr std::array<ODataProperty, 8> kProperties = {{{"id", PropertyKind::Guid},
                                                       {"status", PropertyKind::Enum, kStatusWords},
                                                       {"machineId", PropertyKind::Text},
                                                       {"type", PropertyKind::Enum, kTypes},
                                                       {"requestor", PropertyKind::Text},
                                                       {"creationDateTimeUtc", PropertyKind::Time},
                                                       {"lastUpdateDateTimeUtc", PropertyKind::Time},
                                                       {"externalId", PropertyKind::Text}}};

ODataValue value_of(const MachineAction &action, std::size_t property) {
  switch (property) {
    case kActionIdProperty:
      return std::string_view(action.id);
    case 1:
      return word(action.status);
    case kActionMachineIdProperty:
      return std::string_view(action.machine_id);
    case 3:
      return action.type;
    case 4:
      return std::string_view(action.requestor);
    case 5:
      return action.created;
    case 6:
      return action.updated;
    case 7:
      return action.external_id.empty() ? ODataValue() : ODataValue(std::string_view(action.external_id));
    default:
      return {};
  }
}

Json time_or_null(UtcTicks time) {
  return time.is_set() ? Json(time.str()) : Json(nullptr);
}

Json related_file(const MachineAction &action) {
  if (action.sha1.empty()) return nullptr;
  return {{"fileIdentifier", action.sha1}, {"fileIdentifierType", "Sha1"}};
}

}  // namespace

std::string_view word(ActionStatus status) {
  return kStatusWords[static_cast<std::size_t>(status)];
}

const ODataType<MachineAction> &machine_action_type(bool filter_external_id) {
  static const ODataType<MachineAction> all = {"MachineAction", kProperties, &value_of};
  static const ODataType<MachineAction> documented = {"MachineAction",
                                                      std::span(kProperties).first(kProperties.size() - 1), &value_of};
  return filter_external_id ? all : documented;
}

Json to_json(const MachineAction &action) {
  return {{"id", action.id},
          {"type", action.type},
          {"title", text_or_null(action.title)},
          {"requestor", action.requestor},
          {"requestorComment", text_or_null(action.comment)},
          {"status", word(action.status)},
          {"machineId", action.machine_id},
          {"computerDnsName", text_or_null(action.machine_name)},
          {"creationDateTimeUtc", action.created.str()},
          {"lastUpdateDateTimeUtc", action.updated.str()},
          {"cancellationRequestor", text_or_null(action.cancel_requestor)},
          {"cancellationComment", text_or_null(action.cancel_comment)},
          {"cancellationDateTimeUtc", time_or_null(action.cancelled)},
          {"errorHResult", action.hresult},
          {"scope", text_or_null(action.scope)},
          {"externalId", text_or_null(action.external_id)},
          {"requestSource", "PublicApi"},
          {"relatedFileInfo", related_file(action)},
          {"commands", Json::array()},
          {"troubleshootInfo", nullptr}};
}

}  // namespace cordon::emulator

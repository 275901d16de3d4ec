#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/utc.hpp"
#include "emulator/odata_value.hpp"

namespace cordon::emulator {

/// In the order of the service's own enumeration (mde-api §5.3).
enum class ActionStatus { Pending, Cancelled, TimeOut, Failed, InProgress, Succeeded };

constexpr bool is_final(ActionStatus status) {
  return status != ActionStatus::Pending && status != ActionStatus::InProgress;
}
/// The service's spelling.
std::string_view word(ActionStatus status);

constexpr std::int64_t kHresultTimeOut = -2145844840;    ///< 0x80190198 (mde-api §5.3)
constexpr std::int64_t kHresultCancelled = -2147467260;  ///< E_ABORT (mde-api §5.3)
constexpr std::int64_t kHresultFailed = -2147467259;     ///< E_FAIL

/// One row of the service's machine actions (mde-api §5.1).
struct MachineAction {
  std::string id;
  std::string_view type;  ///< of the table of action kinds, which lives for ever
  std::string title{};
  std::string requestor;
  std::string comment;  ///< as the service tells it
  ActionStatus status = ActionStatus::Pending;
  std::string machine_id;
  std::string machine_name{};
  UtcTicks created, updated;
  std::string cancel_requestor{}, cancel_comment{};
  UtcTicks cancelled{};
  std::int64_t hresult = 0;
  std::string scope{};
  std::string external_id{};  ///< as the service tells it
  std::string sha1{};         ///< of StopAndQuarantineFile

  std::size_t number = 0;       ///< in order of creation
  UtcTicks visible_from{};      ///< until then it can't be read (mde-api §6)
  UtcTicks cancel_requested{};  ///< set: a cancellation is under way
  std::string package_token{};  ///< of a collected package's link
};

/// `filter_external_id`: whether externalId is among the filterable properties.
const ODataType<MachineAction> &machine_action_type(bool filter_external_id);
/// Index of `id` and `machineId` in machine_action_type().
constexpr std::size_t kActionIdProperty = 0, kActionMachineIdProperty = 2;

/// The entity without its @odata.context.
Json to_json(const MachineAction &action);

}  // namespace cordon::emulator

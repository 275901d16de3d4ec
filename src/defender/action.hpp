#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"

namespace cordon::defender {

/// The service's status words (mde-api §5.3). Unknown = a word that is not in the table; it is not an end.
enum class ActionStatus { Unknown, Pending, InProgress, Succeeded, Failed, TimeOut, Cancelled };

/// Case-insensitive; accepts the spellings "Canceled" and "Timeout" of older pages.
ActionStatus parse_action_status(std::string_view word) noexcept;
/// The live spelling, as `$filter` wants it; "" for Unknown.
std::string_view action_status_word(ActionStatus status) noexcept;
bool is_terminal(ActionStatus status) noexcept;

/// One response action as the service tells it (mde-api §5.1). Texts are empty and times unset where the service sent
/// null or nothing. Ids are lower case, otherwise as sent: whoever needs an ActionId or MachineId parses them.
struct MachineAction {
  MachineAction() = default;

  bool terminal() const noexcept { return is_terminal(status); }

  std::string id;
  std::string type;  ///< the service's word, e.g. "RestrictCodeExecution"; unknown ones are kept
  std::string title;
  std::string requestor;  ///< UPN, application id or application name
  std::string requestor_comment;
  ActionStatus status = ActionStatus::Unknown;
  std::string status_word;  ///< exactly as sent
  std::string machine_id;
  std::string computer_dns_name;
  UtcTicks created_at;
  UtcTicks updated_at;
  std::string cancellation_requestor;
  std::string cancellation_comment;
  UtcTicks cancelled_at;
  std::int64_t error_hresult = 0;
  std::string scope;  ///< Full, Selective (isolation); Quick, Full (scan)
  std::string external_id;
  std::string request_source;
  std::string file_identifier;       ///< lower case
  std::string file_identifier_type;  ///< Sha1, Sha256, Md5
  Json commands = Json::array();     ///< of live response, as sent
  Json troubleshoot;                 ///< as sent, null if none
};

/// Tolerant: needs an object with `id`, `type` and `status` as non-empty texts; everything else may be missing, null,
/// of another type or unknown. Error: INVALID_RESPONSE naming what is missing.
Result<MachineAction> parse_action(const Json &entity);

/// One page of a collection. `next_link` may name another host: follow it only after comparing origins (mde-api §1.1).
struct MachineActionPage {
  MachineActionPage() = default;
  std::vector<MachineAction> actions;
  std::string next_link;
  std::int64_t count = -1;  ///< @odata.count, −1 when absent
};

/// Error: INVALID_RESPONSE when there is no array `value` or one row is no action: a list with a hole proves nothing.
Result<MachineActionPage> parse_action_list(const Json &envelope);

/// What the device reported in words a person can act on, from the HRESULT (mde-api §5.3); "" when 0.
std::string describe_hresult(std::int64_t hresult);

}  // namespace cordon::defender

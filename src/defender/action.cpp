#include "defender/action.hpp"

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"

namespace cordon::defender {
namespace {

struct StatusWord {
  ActionStatus status;
  std::string_view word;
  bool terminal;
};

// The first spelling of a status is the live one (mde-api §5.3).
constexpr std::array kStatusWords = {
    StatusWord{ActionStatus::Pending, "Pending", false},    StatusWord{ActionStatus::InProgress, "InProgress", false},
    StatusWord{ActionStatus::Succeeded, "Succeeded", true}, StatusWord{ActionStatus::Failed, "Failed", true},
    StatusWord{ActionStatus::TimeOut, "TimeOut", true},     StatusWord{ActionStatus::TimeOut, "Timeout", true},
    StatusWord{ActionStatus::Cancelled, "Cancelled", true}, StatusWord{ActionStatus::Cancelled, "Canceled", true},
};

UtcTicks time_of(const Json &entity, const char *key) {
  return UtcTicks::parse(text_or(entity, key)).value_or(UtcTicks());
}

Result<void> require_text(const Json &entity, const char *key) {
  if (!text_or(entity, key).empty()) return {};
  return fail(Status::InvalidResponse, fmt::format("the service's machine action has no text \"{}\"", key));
}

}  // namespace

ActionStatus parse_action_status(std::string_view word) noexcept {
  for (const StatusWord &known : kStatusWords)
    if (equal_ignoring_case(known.word, word)) return known.status;
  return ActionStatus::Unknown;
}

std::string_view action_status_word(ActionStatus status) noexcept {
  for (const StatusWord &known : kStatusWords)
    if (known.status == status) return known.word;
  return "";
}

bool is_terminal(ActionStatus status) noexcept {
  for (const StatusWord &known : kStatusWords)
    if (known.status == status) return known.terminal;
  return false;
}

Result<MachineAction> parse_action(const Json &entity) {
  if (!entity.is_object()) return fail(Status::InvalidResponse, "the service's machine action is no JSON object");
  for (const char *key : {"id", "type", "status"})
    if (auto there = require_text(entity, key); !there) return fail(std::move(there.error()));

  MachineAction action;
  action.id = to_lower(text_or(entity, "id"));
  action.type = text_or(entity, "type");
  action.title = text_or(entity, "title");
  action.requestor = text_or(entity, "requestor");
  action.requestor_comment = text_or(entity, "requestorComment");
  action.status_word = text_or(entity, "status");
  action.status = parse_action_status(action.status_word);
  action.machine_id = to_lower(text_or(entity, "machineId"));
  action.computer_dns_name = text_or(entity, "computerDnsName");
  action.created_at = time_of(entity, "creationDateTimeUtc");
  action.updated_at = time_of(entity, "lastUpdateDateTimeUtc");
  action.cancellation_requestor = text_or(entity, "cancellationRequestor");
  action.cancellation_comment = text_or(entity, "cancellationComment");
  action.cancelled_at = time_of(entity, "cancellationDateTimeUtc");
  action.error_hresult = int_or(entity, "errorHResult", 0);
  action.scope = text_or(entity, "scope");
  action.external_id = text_or(entity, "externalId");
  action.request_source = text_or(entity, "requestSource");
  if (const auto file = entity.find("relatedFileInfo"); file != entity.end()) {
    action.file_identifier = to_lower(text_or(*file, "fileIdentifier"));
    action.file_identifier_type = text_or(*file, "fileIdentifierType");
  }
  if (const auto commands = entity.find("commands"); commands != entity.end() && commands->is_array())
    action.commands = *commands;
  if (const auto troubleshoot = entity.find("troubleshootInfo"); troubleshoot != entity.end())
    action.troubleshoot = *troubleshoot;
  return action;
}

Result<MachineActionPage> parse_action_list(const Json &envelope) {
  const auto rows = envelope.is_object() ? envelope.find("value") : envelope.end();
  if (rows == envelope.end() || !rows->is_array())
    return fail(Status::InvalidResponse, "the service's list of machine actions has no array \"value\"");
  MachineActionPage page;
  page.actions.reserve(rows->size());
  for (const Json &row : *rows) {
    auto action = parse_action(row);
    if (!action) return fail(std::move(action.error()));
    page.actions.push_back(std::move(*action));
  }
  page.next_link = text_or(envelope, "@odata.nextLink");
  page.count = int_or(envelope, "@odata.count", -1);
  return page;
}

std::string describe_hresult(std::int64_t hresult) {
  if (hresult == 0) return "";
  const auto code = static_cast<std::uint32_t>(hresult);
  struct Known {
    std::uint32_t code;
    const char *text;
  };
  static constexpr std::array kKnown = {
      Known{0x80190198u, "the device did not answer in time; it was probably offline"},
      Known{0x80004004u, "the action was cancelled"},
      Known{0x80070005u, "access was denied on the device"},
      Known{0x80070002u, "the device did not find the file"},
      Known{0x80004005u, "the device reported a failure without saying why"},
  };
  for (const Known &known : kKnown)
    if (known.code == code) return fmt::format("{} (0x{:08x})", known.text, code);
  return fmt::format("the device reported error 0x{:08x}", code);
}

}  // namespace cordon::defender

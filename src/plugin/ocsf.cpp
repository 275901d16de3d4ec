#include "plugin/ocsf.hpp"

#include <fmt/format.h>

#include <array>

#include "base/utc.hpp"
#include "base/version.hpp"

namespace cordon::plugin {
namespace {

constexpr int kRemediation = 7;  // the category
constexpr int kRemediationActivity = 7001;
constexpr int kFileRemediationActivity = 7002;
constexpr int kOther = 99;

/// Which activity an operation is, in the words of D3FEND that OCSF uses. What is not here is another activity of
/// Remediation Activity.
struct Activity {
  std::string_view operation;
  int class_uid;
  int id;
  const char *name;
};
constexpr std::array kActivities = {
    Activity{"restrict_code_execution", kRemediationActivity, 1, "Isolate"},  // execution isolation
    Activity{"isolate", kRemediationActivity, 1, "Isolate"},                  // network isolation
    Activity{"stop_and_quarantine", kFileRemediationActivity, 2, "Evict"},    // file eviction
    Activity{"unrestrict_code_execution", kRemediationActivity, 3, "Restore"},
    Activity{"unisolate", kRemediationActivity, 3, "Restore"},
};

struct Ending {
  std::string_view state;
  int id;
  const char *caption;
};
constexpr std::array kEndings = {
    Ending{"succeeded", 1, "Success"}, Ending{"failed", 2, "Failure"},  Ending{"timed_out", 2, "Failure"},
    Ending{"rejected", 2, "Failure"},  Ending{"cancelled", kOther, ""}, Ending{"expired", kOther, ""},
    Ending{"withdrawn", kOther, ""},
};

void put_unless_empty(Json &object, const char *key, const std::string &text) {
  if (!text.empty()) object[key] = text;
}

Json metadata(const ledger::JournalRow &row, std::string_view ledger_id) {
  return {{"version", "1.3.0"},
          {"product", {{"name", "Cordon"}, {"vendor_name", "Cordon"}, {"version", kVersion}}},
          {"uid", fmt::format("{}:{}", ledger_id, row.sequence)},
          {"sequence", row.sequence},
          {"event_code", row.kind},
          {"log_name", "journal"},
          {"original_time", UtcTicks::from_unix_ticks(row.at).str()}};
}

void put_class(Json &event, int category, int class_uid, int activity, const std::string &activity_name) {
  event["category_uid"] = category;
  event["class_uid"] = class_uid;
  event["activity_id"] = activity;
  event["activity_name"] = activity_name;
  event["type_uid"] = 100 * class_uid + activity;
}

void put_status(Json &event, const Json &action) {
  const std::string state = text_or(action, "state");
  event["status_id"] = 0;  // it is under way, or nobody knows
  event["status"] = state;
  for (const Ending &known : kEndings)
    if (known.state == state) {
      event["status_id"] = known.id;
      if (known.id != kOther) event["status"] = known.caption;
    }
  put_unless_empty(event, "status_detail", text_or(action, "error_text"));
  if (const std::int64_t code = int_or(action, "error_hresult", 0); code != 0)
    event["status_code"] = fmt::format("0x{:08x}", static_cast<std::uint32_t>(code));
}

void put_file(Json &event, const Json &action) {
  const std::string sha1 = text_or(action.value("parameters", Json::object()), "sha1");
  // The service takes the hash alone, and a file must have a name.
  event["file"] = {{"name", sha1},
                   {"type_id", 0},
                   {"hashes", Json::array({{{"algorithm_id", 2}, {"algorithm", "SHA-1"}, {"value", sha1}}})}};
}

void remediation_event(Json &event, const ledger::JournalRow &row, const Json &action,
                       const defender::Catalogue &catalogue) {
  const std::string name = text_or(action, "operation");
  const defender::Operation *operation = catalogue.find(name);
  const std::string title = operation == nullptr ? name : operation->title;
  put_class(event, kRemediation, kRemediationActivity, kOther, title);
  for (const Activity &known : kActivities)
    if (known.operation == name) put_class(event, kRemediation, known.class_uid, known.id, known.name);
  if (event["class_uid"] == kFileRemediationActivity) put_file(event, action);
  put_status(event, action);
  event["command_uid"] = row.request;
  event["remediation"] = {{"desc", title}};
  put_unless_empty(event, "message", text_or(action, "comment"));
  event["device"] = {{"type_id", 0}};
  put_unless_empty(event["device"], "uid", text_or(action, "machine_id"));
  put_unless_empty(event["device"], "hostname", text_or(action, "computer_name"));
  if (const std::string actor = text_or(action, "actor"); !actor.empty()) event["actor"]["user"]["name"] = actor;
  Json &meta = event["metadata"];
  meta["profiles"] = Json::array({"host"});
  meta["correlation_uid"] = row.request;
  put_unless_empty(meta, "tenant_uid", text_or(action, "tenant_id"));
  Json &rest = event["unmapped"];
  for (const char *member : {"action_id", "adopted", "external_id", "labels", "operation", "requestor", "service_host",
                             "state", "status", "tenant"})
    if (const auto found = action.find(member); found != action.end() && !found->is_null()) rest[member] = *found;
}

}  // namespace

Json ocsf_event(const ledger::JournalRow &row, std::string_view ledger_id, const defender::Catalogue &catalogue) {
  Json event = {{"time", UtcTicks::from_unix_ticks(row.at).unix_ticks() / 10'000},  // milliseconds
                {"severity_id", 1},
                {"metadata", metadata(row, ledger_id)},
                {"unmapped", {{"owner", row.owner}}}};
  const Json body = parse_stored(row.body);
  const Json action = body.is_object() ? body.value("action", Json(nullptr)) : Json(nullptr);
  if (action.is_object()) {
    remediation_event(event, row, action, catalogue);
    return event;
  }
  put_class(event, 0, 0, kOther, row.kind);
  put_unless_empty(event["unmapped"], "tenant", row.tenant);
  if (body.is_object()) event["unmapped"]["details"] = body;
  if (row.kind == "damage") {
    event["severity_id"] = 4;
    put_unless_empty(event, "message", text_or(body, "text"));
  }
  return event;
}

}  // namespace cordon::plugin

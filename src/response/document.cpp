#include "response/document.hpp"

namespace cordon::response {
namespace {

using defender::ActionStatus;
using ledger::State;

Json time_or_null(UtcTicks time) {
  return time.is_set() ? Json(time.str()) : Json(nullptr);
}

std::string host_of(const std::string &origin) {
  const std::size_t start = origin.find("://");
  return start == std::string::npos ? origin : origin.substr(start + 3);
}

void write_action(Json &document, const defender::MachineAction &action, UtcTicks now) {
  document["action_id"] = action.id;
  document["status"] = action.status_word;
  document["requestor"] = text_or_null(action.requestor);
  if (!action.requestor_comment.empty()) document["comment"] = action.requestor_comment;
  document["external_id"] = text_or_null(action.external_id);
  document["computer_name"] = text_or_null(action.computer_dns_name);
  if (action.created_at.is_set()) document["created_at"] = action.created_at.str();
  if (action.updated_at.is_set()) document["updated_at"] = action.updated_at.str();
  document["observed_at"] = now.str();
  document["error_hresult"] = action.error_hresult;
  document["error_text"] = text_or_null(defender::describe_hresult(action.error_hresult));
}

}  // namespace

Json new_document(const Intent &intent, const RequestId &id, UtcTicks now, UtcTicks expires) {
  Json parameters = intent.request;
  for (const char *known : {"machine_id", "comment"}) parameters.erase(known);
  return {{"request_id", id.str()},
          {"action_id", nullptr},
          {"tenant", intent.tenant->name},
          {"tenant_id", intent.tenant->tenant_id},
          {"operation", intent.operation->name},
          {"machine_id", text_or_null(intent.machine.str())},
          {"parameters", std::move(parameters)},
          {"state", state_name(State::Queued)},
          {"status", nullptr},
          {"adopted", false},
          {"requestor", nullptr},
          {"comment", text_or(intent.request, "comment")},
          {"external_id", nullptr},
          {"computer_name", nullptr},
          {"labels", intent.options.labels},
          {"actor", text_or_null(intent.options.actor)},
          {"created_at", now.str()},
          {"updated_at", now.str()},
          {"observed_at", nullptr},
          {"expires_at", time_or_null(expires)},
          {"error_hresult", 0},
          {"error_text", nullptr},
          {"service_host", host_of(intent.tenant->cloud.api)}};
}

void set_state(ledger::RequestRow &row, State state, UtcTicks now) {
  row.state = state;
  row.updated = now;
  row.document["state"] = state_name(state);
  if (row.document["status"].is_null()) row.document["updated_at"] = now.str();
}

void observe(ledger::RequestRow &row, const defender::MachineAction &action, UtcTicks now) {
  if (ledger::is_ended(row.state)) return;
  row.action_id = ActionId::trusted(action.id);
  write_action(row.document, action, now);
  if (row.machine.empty() && !action.machine_id.empty()) {
    row.machine = MachineId::trusted(action.machine_id);
    row.document["machine_id"] = action.machine_id;
  }
  set_state(row, state_of(action.status), now);
}

bool observe_news(ledger::RequestRow &row, const defender::MachineAction &action, UtcTicks now) {
  const State state = row.state;
  const Json updated = row.document["updated_at"];
  // Two clients may write what they read in another order than the service said it.
  const auto known = UtcTicks::parse(updated.is_string() ? updated.get_ref<const std::string &>() : std::string());
  if (!row.action_id.empty() && known && action.updated_at.is_set() && action.updated_at < *known) return false;
  const Json word = row.document["status"];
  observe(row, action, now);
  return row.state != state || row.document["updated_at"] != updated || row.document["status"] != word;
}

Json foreign_document(const Tenant &tenant, const defender::Catalogue &catalogue, const defender::MachineAction &action,
                      UtcTicks now) {
  const defender::Operation *operation = catalogue.by_action_type(action.type);
  Json document = {{"request_id", nullptr},
                   {"tenant", tenant.name},
                   {"tenant_id", tenant.tenant_id},
                   {"operation", operation == nullptr ? Json(nullptr) : Json(operation->name)},
                   {"machine_id", text_or_null(action.machine_id)},
                   {"parameters", operation == nullptr ? Json::object() : defender::parameters_of(*operation, action)},
                   {"state", state_name(state_of(action.status))},
                   {"adopted", true},
                   {"comment", text_or_null(action.requestor_comment)},
                   {"labels", Json::object()},
                   {"actor", nullptr},
                   {"created_at", time_or_null(action.created_at)},
                   {"updated_at", time_or_null(action.updated_at)},
                   {"expires_at", nullptr},
                   {"service_host", host_of(tenant.cloud.api)}};
  write_action(document, action, now);
  return document;
}

State state_of(ActionStatus status) {
  switch (status) {
    case ActionStatus::InProgress:
      return State::InProgress;
    case ActionStatus::Succeeded:
      return State::Succeeded;
    case ActionStatus::Failed:
      return State::Failed;
    case ActionStatus::TimeOut:
      return State::TimedOut;
    case ActionStatus::Cancelled:
      return State::Cancelled;
    case ActionStatus::Pending:
    case ActionStatus::Unknown:  // a word we do not know is no end (mde-api §5.3)
      return State::Pending;
  }
  return State::Pending;
}

Status status_of(State state) {
  switch (state) {
    case State::Queued:
    case State::Sending:
    case State::Pending:
    case State::InProgress:
      return Status::Pending;
    case State::Succeeded:
      return Status::Ok;
    case State::Failed:
      return Status::ActionFailed;
    case State::TimedOut:
      return Status::ActionTimedOut;
    case State::Cancelled:
      return Status::ActionCancelled;
    case State::Rejected:
      return Status::ActionRejected;
    case State::Expired:
    case State::Withdrawn:
      return Status::NotSent;
    case State::Unknown:
      return Status::OutcomeUnknown;
  }
  return Status::Internal;
}

}  // namespace cordon::response

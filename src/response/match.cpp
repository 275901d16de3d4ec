#include "response/match.hpp"

namespace cordon::response {
namespace {

using defender::MachineAction;

bool does_the_same(const Live &live, const MachineAction &action) {
  return action.machine_id == live.row.machine.str() && action.type == live.operation->action_type &&
         defender::same_parameters(*live.operation, live.row.parameters, action);
}

}  // namespace

bool carries_our_mark(const ledger::RequestRow &row, const MachineAction &action) {
  const auto carries_marker_of = [&action](const RequestId &id) {
    return action.requestor_comment.find(comment_marker(id)) != std::string::npos;
  };
  if (const auto named = RequestId::parse(action.external_id)) {
    if (*named == row.id) return true;
    // The marker is a part of the id: another request's may be equal, above all where a host makes ids by counting. An
    // id whose marker is not there is none of a request, but one that the service has given.
    if (carries_marker_of(*named)) return false;
  }
  return carries_marker_of(row.id);
}

Match match_answer(const Live &live, const MachineAction &action, std::optional<UtcTicks> not_before) {
  if (live.operation->is_cancel()) return Match::Ours;  // a cancel answers with the action it names
  if (defender::contradicts(*live.operation, live.row.parameters, action)) return Match::Other;
  if (carries_our_mark(live.row, action)) return Match::Ours;
  // Neither comment nor external id came back: then only its age can tell it from an older one.
  const bool silent = action.requestor_comment.empty() && action.external_id.empty();
  if (silent && (!not_before || !action.created_at.is_set() || action.created_at >= *not_before)) return Match::Ours;
  const bool same = defender::same_parameters(*live.operation, live.row.parameters, action);
  return same ? Match::Adoptable : Match::Other;
}

const MachineAction *find_ours(const Live &live, const std::vector<MachineAction> &actions) {
  for (const MachineAction &action : actions)
    if (carries_our_mark(live.row, action) &&
        !defender::contradicts(*live.operation, live.row.parameters, action))  // marks of one millisecond may be equal
      return &action;
  return nullptr;
}

const MachineAction *find_adoptable(const Live &live, const std::vector<MachineAction> &actions) {
  for (const MachineAction &action : actions)
    if (!action.terminal() && does_the_same(live, action)) return &action;
  return nullptr;
}

bool is_marked(const MachineAction &action) {
  return action.requestor_comment.find(kMarkerStart) != std::string::npos;
}

const MachineAction *find_done_by_others(const Live &live, const std::vector<MachineAction> &actions,
                                         std::optional<UtcTicks> sent_after) {
  constexpr auto kDateGrain = std::chrono::seconds(2);
  if (!sent_after) return nullptr;
  for (const MachineAction &action : actions) {
    const bool later = action.created_at.is_set() && action.created_at >= *sent_after + kDateGrain;
    const bool done = action.status == defender::ActionStatus::Succeeded;
    if (later && done && !is_marked(action) && does_the_same(live, action)) return &action;
  }
  return nullptr;
}

defender::ActionFilter same_device_and_type(const Live &live) {
  defender::ActionFilter filter;
  filter.machine_ids = {live.row.machine.str()};
  filter.types = {live.operation->action_type};
  return filter;
}

}  // namespace cordon::response

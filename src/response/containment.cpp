#include "response/containment.hpp"

#include <algorithm>

#include "response/search.hpp"

namespace cordon::response {
namespace {

using defender::Effect;
using defender::MachineAction;
using defender::Operation;

Json summary(const Tenant &tenant, const Operation &operation, const MachineAction &action) {
  return {{"operation", operation.name},
          {"action_id", action.id},
          {"status", action.status_word},
          {"requestor", text_or_null(action.requestor)},
          {"comment", text_or_null(action.requestor_comment)},
          {"created_at", action.created_at.is_set() ? Json(action.created_at.str()) : Json(nullptr)},
          {"updated_at", action.updated_at.is_set() ? Json(action.updated_at.str()) : Json(nullptr)},
          {"by_this_application", action.requestor == tenant.client_id || is_marked(action)},
          {"parameters", defender::parameters_of(operation, action)}};
}

/// The newest that has done it, of an operation and its undo; nullptr: neither was ever done.
const MachineAction *newest_done(const defender::Catalogue &catalogue, const Operation &operation,
                                 const std::vector<const MachineAction *> &actions) {
  const MachineAction *newest = nullptr;
  const Operation *undo = catalogue.find(operation.undo);
  for (const MachineAction *action : actions) {
    const bool of_pair =
        action->type == operation.action_type || (undo != nullptr && action->type == undo->action_type);
    if (!of_pair || action->status != defender::ActionStatus::Succeeded) continue;
    if (newest == nullptr || action->updated_at > newest->updated_at) newest = action;
  }
  return newest;
}

Json device_document(const defender::Catalogue &catalogue, const Tenant &tenant, const std::string &machine_id,
                     const std::vector<MachineAction> &all) {
  std::vector<const MachineAction *> actions;
  for (const MachineAction &action : all)
    if (action.machine_id == machine_id) actions.push_back(&action);
  Json holds = Json::array();
  Json pending = Json::array();
  for (const Operation &operation : catalogue.operations()) {
    if (operation.effect != Effect::Contain) continue;
    if (!operation.undo.empty()) {
      const MachineAction *newest = newest_done(catalogue, operation, actions);
      if (newest != nullptr && newest->type == operation.action_type)
        holds.push_back(summary(tenant, operation, *newest));
      continue;
    }
    for (const MachineAction *action : actions)
      if (action->type == operation.action_type && action->status == defender::ActionStatus::Succeeded)
        holds.push_back(summary(tenant, operation, *action));
  }
  for (const MachineAction *action : actions) {
    const Operation *operation = catalogue.by_action_type(action->type);
    if (operation != nullptr && !action->terminal()) pending.push_back(summary(tenant, *operation, *action));
  }
  return {{"machine_id", machine_id},
          {"contained", !holds.empty()},
          {"holds", std::move(holds)},
          {"pending", std::move(pending)}};
}

}  // namespace

defender::ActionFilter containment_filter(const defender::Catalogue &catalogue,
                                          const std::vector<std::string> &machine_ids) {
  defender::ActionFilter filter;
  filter.machine_ids = machine_ids;
  for (const Operation &operation : catalogue.operations())
    if (operation.effect != Effect::None && !operation.action_type.empty())
      filter.types.push_back(operation.action_type);
  return filter;
}

Json containment_document(const defender::Catalogue &catalogue, const Tenant &tenant,
                          const std::vector<std::string> &machine_ids, const std::vector<MachineAction> &actions) {
  Json devices = Json::array();
  for (const std::string &id : machine_ids) devices.push_back(device_document(catalogue, tenant, id, actions));
  return {{"tenant", tenant.name}, {"devices", std::move(devices)}};
}

}  // namespace cordon::response

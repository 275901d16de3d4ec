#include <algorithm>

#include "emulator/call.hpp"
#include "emulator/listing.hpp"

namespace cordon::emulator {
namespace {

using Actions = std::vector<const MachineAction *>;

/// Newest first, without those that can't be seen yet.
Actions newest_first(const Call &call, Actions actions) {
  std::erase_if(actions, [&](const MachineAction *action) { return action->visible_from > call.now; });
  std::reverse(actions.begin(), actions.end());
  return actions;
}

Actions all_actions(const Call &call) {
  Actions out;
  out.reserve(call.book.all().size());
  for (const MachineAction &action : call.book.all()) out.push_back(&action);
  return out;
}

/// What a filter by id or machine can match at all, found by index. The filter is checked again by the listing.
Actions candidates(const Call &call) {
  const std::string *text = call.query.find("$filter");
  const auto filter = text == nullptr
                          ? ODataFilter()
                          : ODataFilter::parse(*text, machine_action_type(true).properties).value_or(ODataFilter());
  Actions out;
  if (const auto ids = filter.required_texts(kActionIdProperty)) {
    for (const std::string &id : *ids)
      if (const MachineAction *action = call.book.find(id)) out.push_back(action);
  } else if (const auto machines = filter.required_texts(kActionMachineIdProperty)) {
    for (const std::string &machine : *machines) {
      const Actions of_one = call.book.of_machine(machine);
      out.insert(out.end(), of_one.begin(), of_one.end());
    }
  } else {
    return newest_first(call, all_actions(call));
  }
  std::sort(out.begin(), out.end(), [](const auto *a, const auto *b) { return a->number < b->number; });
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return newest_first(call, std::move(out));
}

const ODataType<MachineAction> &type_of(const Call &call) {
  return machine_action_type(call.knobs.filter_external_id);
}

tl::expected<const MachineAction *, Refusal> visible_action(const Call &call) {
  const MachineAction *action = call.book.find(call.argument);
  if (action == nullptr || action->visible_from > call.now)
    return refuse(404, "ResourceNotFound", "Machine action " + call.argument + " was not found");
  return action;
}

}  // namespace

Answer list_actions(Call &call) {
  return list_reply(call, type_of(call), candidates(call), "MachineActions");
}

Answer count_actions(Call &call) {
  return count_reply(call, type_of(call), candidates(call));
}

Answer get_action(Call &call) {
  const auto action = visible_action(call);
  if (!action) return refuse(action.error());
  return odata_reply(200, "MachineActions/$entity", to_json(**action));
}

Answer list_machine_actions(Call &call) {
  const Machine *machine = call.fleet.find(call.argument);
  if (machine == nullptr) return refuse(Refusal::no_machine(call.argument));
  return list_reply(call, type_of(call), newest_first(call, call.book.of_machine(machine->id)), "MachineActions");
}

/// The link comes in an extra pair of quotes (mde-api §7).
Answer get_package_uri(Call &call) {
  const auto action = visible_action(call);
  if (!action) return refuse(action.error());
  if ((*action)->package_token.empty())
    return refuse(404, "ResourceNotFound", "There is no package of machine action " + call.argument);
  const std::string link =
      call.origin + "/safedownload/WDATP_Investigation_Package.zip?token=" + (*action)->package_token;
  return odata_reply(200, "Edm.String", Json{{"value", '"' + link + '"'}});
}

}  // namespace cordon::emulator

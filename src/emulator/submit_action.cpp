#include "base/text.hpp"
#include "emulator/call.hpp"
#include "emulator/endpoint.hpp"
#include "emulator/request_body.hpp"

namespace cordon::emulator {
namespace {

tl::expected<void, Refusal> check_system(const ActionKind &kind, const Machine &machine) {
  switch (kind.requirement.check(machine)) {
    case SystemRequirement::Verdict::WrongPlatform:
      return refuse(400, "OsPlatformNotSupported",
                    std::string(kind.type) + " is not supported on " + machine.os_platform);
    case SystemRequirement::Verdict::TooOld:
      return refuse(400, "ClientVersionNotSupported",
                    std::string(kind.type) + " is not supported by the version of machine " + machine.id);
    case SystemRequirement::Verdict::Supported:
      break;
  }
  return {};
}

tl::expected<void, Refusal> check_file(const Fleet &fleet, const Machine &machine, const std::string &sha1) {
  const FileRecord *file = fleet.find_file(sha1);
  if (file == nullptr || !machine.knows(file->sha1))
    return refuse(404, "ResourceNotFound", "Sha1 " + sha1 + " was not found in machine " + machine.id);
  if (file->microsoft_signed)
    return refuse(403, "DisallowedOperation", "The file is signed by Microsoft and can't be quarantined");
  return {};
}

/// computerDnsName is not known yet in a fresh answer (mde-api §5.1).
Reply accepted(const ActionKind &kind, const MachineAction &action) {
  Json entity = to_json(action);
  entity["computerDnsName"] = nullptr;
  return odata_reply(kind.success_status, "MachineActions/$entity", std::move(entity));
}

Answer answer_duplicate(Call &call, const ActionBook::Order &order, const MachineAction &open) {
  constexpr DuplicateMode kChoices[] = {DuplicateMode::ReturnExisting, DuplicateMode::Reject, DuplicateMode::NewStuck};
  DuplicateMode mode = call.knobs.duplicate_mode(*order.kind);
  if (mode == DuplicateMode::Random) mode = kChoices[call.random.below(3)];
  if (mode == DuplicateMode::Reject) return refuse(400, "ActiveRequestAlreadyExists", "Action is already in progress");
  if (mode == DuplicateMode::NewStuck) return accepted(*order.kind, call.book.create(order, call.now, true));
  return odata_reply(order.kind->success_status, "MachineActions/$entity", to_json(open));
}

}  // namespace

Answer submit_action(Call &call) {
  const ActionKind &kind = *call.endpoint.kind;
  const auto body = read_action_body(call.request, kind.parameter);
  if (!body) return refuse(body.error());
  const Machine *machine = call.fleet.find(call.argument);
  if (machine == nullptr) return refuse(Refusal::no_machine(call.argument));
  if (auto supported = check_system(kind, *machine); !supported) return refuse(supported.error());

  ActionBook::Order order{.kind = &kind,
                          .machine_id = machine->id,
                          .requestor = call.requestor,
                          .comment = text_or(*body, "Comment"),
                          .title = text_or(*body, "Title"),
                          .external_id = text_or(*body, "ExternalId"),
                          .scope = {},
                          .sha1 = text_or(*body, "Sha1")};
  if (!kind.parameter.values.empty()) order.scope = text_or(*body, std::string(kind.parameter.name).c_str());
  if (!order.sha1.empty())
    if (auto known = check_file(call.fleet, *machine, order.sha1); !known) return refuse(known.error());

  if (const MachineAction *open = call.book.find_open(machine->id, kind.type))
    return answer_duplicate(call, order, *open);
  return accepted(kind, call.book.create(order, call.now, false));
}

Answer cancel_action(Call &call) {
  const auto body = read_action_body(call.request, {});
  if (!body) return refuse(body.error());
  MachineAction *action = call.book.find(call.argument);
  if (action == nullptr || action->visible_from > call.now)
    return refuse(404, "ResourceNotFound", "Machine action " + call.argument + " was not found");
  if (is_final(action->status) || action->cancel_requested.is_set())
    return refuse(400, "BadRequest", "The machine action has ended or is being cancelled");
  call.book.cancel(*action, call.requestor, text_or(*body, "Comment"), call.now);
  return odata_reply(200, "MachineActions/$entity", to_json(*action));
}

}  // namespace cordon::emulator

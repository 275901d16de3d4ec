#include "emulator/action_book.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ns;
/// A device that never answers (mde-api §5.3).
constexpr auto kTimeOut = 72h + 14min;

std::string machine_and_type(std::string_view machine_id, std::string_view type) {
  return std::string(machine_id) + ' ' + std::string(type);
}

/// At most that many bytes, cut at a character's edge.
std::string cut(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  text.resize(bytes);
  return text;
}

}  // namespace

void ActionBook::settle(UtcTicks now) {
  while (!events_.empty() && events_.top().at <= now) {
    const Event event = events_.top();
    events_.pop();
    apply(event);
  }
}

void ActionBook::apply(const Event &event) {
  MachineAction &action = actions_[event.action];
  if (is_final(action.status)) return;
  action.updated = event.at;
  switch (event.step) {
    case Step::Start:
      action.status = ActionStatus::InProgress;
      return;
    case Step::Succeed:
      action.status = ActionStatus::Succeeded;
      take_effect(action);
      return;
    case Step::Fail:
      action.status = ActionStatus::Failed;
      action.hresult = kHresultFailed;
      return;
    case Step::TimeOut:
      action.status = ActionStatus::TimeOut;
      action.hresult = kHresultTimeOut;
      return;
    case Step::Cancel:
      action.status = ActionStatus::Cancelled;
      action.hresult = kHresultCancelled;
      action.cancelled = event.at - kTick;
      return;
  }
}

void ActionBook::take_effect(MachineAction &action) {
  if (action.type == "CollectInvestigationPackage") action.package_token = random_.hex(32);
  if (action.type != "Offboard") return;
  if (Machine *machine = fleet_.find(action.machine_id)) {
    machine->behaviour = Behaviour::Offline;
    machine->health = "Inactive";
  }
}

/// Not every recorded time has all seven digits (mde-api §5.2). Never before the action before it.
UtcTicks ActionBook::creation_time(UtcTicks now) {
  const std::int64_t unit = random_.chance(0.25) ? 10'000 : random_.chance(0.25) ? 100 : 1;
  const UtcTicks rounded = UtcTicks::from_unix_ticks(now.unix_ticks() / unit * unit);
  return !actions_.empty() && rounded < actions_.back().created ? now : rounded;
}

MachineAction &ActionBook::create(const Order &order, UtcTicks now, bool stuck) {
  const Machine &machine = *fleet_.find(order.machine_id);
  const std::size_t index = actions_.size();
  MachineAction action;
  action.id = random_.uuid();
  action.type = order.kind->type;
  action.number = index;
  action.title = order.title;
  action.requestor = order.requestor;
  action.comment = cut(order.comment, knobs_.echo_comment_bytes.value_or(order.comment.size()));
  action.machine_id = machine.id;
  action.machine_name = machine.name;
  action.created = creation_time(now);
  action.updated = action.created + kTick * static_cast<std::int64_t>(random_.below(6));
  action.scope = order.scope;
  if (knobs_.echo_external_id) action.external_id = order.external_id;
  action.sha1 = order.sha1;
  action.visible_from = now + random_.between(timings_.visibility_delay.min, timings_.visibility_delay.max);

  by_id_[action.id] = index;
  open_[machine_and_type(machine.id, action.type)].push_back(index);
  actions_.push_back(std::move(action));
  ends_.emplace_back();
  if (stuck || machine.behaviour == Behaviour::Offline)
    schedule(actions_[index].created + kTimeOut, index, Step::TimeOut);
  else
    plan(index, machine);
  by_machine_[machine.id].push_back(index);
  return actions_[index];
}

void ActionBook::plan(std::size_t index, const Machine &machine) {
  const MachineAction &action = actions_[index];
  const UtcTicks start = action.created + random_.between(timings_.pickup.min, timings_.pickup.max);
  const UtcTicks end = planned_end(action, start, machine);
  ends_[index] = end;
  schedule(std::min(start, end), index, Step::Start);
  schedule(end, index, machine.behaviour == Behaviour::Fails ? Step::Fail : Step::Succeed);
}

/// Against the action before it on the same device: after it, or before it when completions are reordered.
UtcTicks ActionBook::planned_end(const MachineAction &action, UtcTicks start, const Machine &machine) {
  const auto duration = machine.behaviour == Behaviour::Slow
                            ? timings_.slow_duration
                            : random_.between(timings_.duration.min, timings_.duration.max);
  const UtcTicks end = start + duration;
  const auto before = by_machine_.find(machine.id);
  if (before == by_machine_.end()) return end;
  const std::size_t previous = before->second.back();
  const UtcTicks previous_end = ends_[previous];
  if (is_final(actions_[previous].status) || !previous_end.is_set()) return end;
  if (knobs_.reorder_completions) return std::min(end, action.created + (previous_end - action.created) / 2);
  return std::max(end, previous_end + kTick);
}

void ActionBook::schedule(UtcTicks at, std::size_t action, Step step) {
  events_.push({at, planned_++, action, step});
}

void ActionBook::cancel(MachineAction &action, std::string requestor, std::string comment, UtcTicks now) {
  action.cancel_requestor = std::move(requestor);
  action.cancel_comment = std::move(comment);
  action.cancel_requested = now;
  const bool under_way = action.status == ActionStatus::InProgress;
  const auto delay = under_way ? random_.between(timings_.cancellation.min, timings_.cancellation.max) : 0ns;
  schedule(now + delay, by_id_.at(action.id), Step::Cancel);
  settle(now);
}

MachineAction *ActionBook::find(std::string_view id) {
  const auto found = by_id_.find(to_lower(id));
  return found == by_id_.end() ? nullptr : &actions_[found->second];
}

MachineAction *ActionBook::find_open(std::string_view machine_id, std::string_view type) {
  const auto found = open_.find(machine_and_type(machine_id, type));
  if (found == open_.end()) return nullptr;
  std::erase_if(found->second, [&](std::size_t index) { return is_final(actions_[index].status); });
  return found->second.empty() ? nullptr : &actions_[found->second.back()];
}

std::vector<const MachineAction *> ActionBook::of_machine(std::string_view machine_id) const {
  std::vector<const MachineAction *> out;
  const auto found = by_machine_.find(std::string(machine_id));
  if (found == by_machine_.end()) return out;
  for (const std::size_t index : found->second) out.push_back(&actions_[index]);
  return out;
}

}  // namespace cordon::emulator

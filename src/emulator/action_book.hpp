#pragma once

#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "emulator/action_kind.hpp"
#include "emulator/fleet.hpp"
#include "emulator/knobs.hpp"
#include "emulator/machine_action.hpp"

namespace cordon::emulator {

/// The machine actions of one tenant and their life cycle (mde-api §5.3, §13): what happens to an action is planned
/// when it is created and takes place, in the order of time, when the book is settled. References stay valid.
class ActionBook {
 public:
  /// All references must outlive the book.
  ActionBook(const Timings &timings, const Knobs &knobs, Fleet &fleet, SeededRandom &random)
      : timings_(timings), knobs_(knobs), fleet_(fleet), random_(random) {}

  /// What a POST asks for.
  struct Order {
    const ActionKind *kind;
    std::string machine_id, requestor, comment, title, external_id, scope, sha1;
  };

  /// Lets everything happen that is due. To be called before anything else at a later time.
  void settle(UtcTicks now);

  /// A stuck one is never fetched by its device.
  MachineAction &create(const Order &order, UtcTicks now, bool stuck);
  /// Only for an action that is not final and not being cancelled already. One that no device has fetched ends at once;
  /// one under way some time later, unless it finishes first.
  void cancel(MachineAction &action, std::string requestor, std::string comment, UtcTicks now);

  /// Whether or not it is visible yet.
  MachineAction *find(std::string_view id);
  /// The newest action of that type on that machine that has not ended.
  MachineAction *find_open(std::string_view machine_id, std::string_view type);

  /// In order of creation.
  const std::deque<MachineAction> &all() const { return actions_; }
  std::vector<const MachineAction *> of_machine(std::string_view machine_id) const;

 private:
  enum class Step { Start, Succeed, Fail, TimeOut, Cancel };
  struct Event {
    UtcTicks at;
    std::size_t order;  ///< ties are resolved in the order of planning
    std::size_t action;
    Step step;
    bool operator>(const Event &other) const { return at != other.at ? at > other.at : order > other.order; }
  };

  UtcTicks creation_time(UtcTicks now);
  void plan(std::size_t action, const Machine &machine);
  UtcTicks planned_end(const MachineAction &action, UtcTicks start, const Machine &machine);
  void schedule(UtcTicks at, std::size_t action, Step step);
  void apply(const Event &event);
  void take_effect(MachineAction &action);

  const Timings &timings_;
  const Knobs &knobs_;
  Fleet &fleet_;
  SeededRandom &random_;

  std::deque<MachineAction> actions_;
  std::vector<UtcTicks> ends_;  ///< planned, beside actions_; not set: none is planned
  std::unordered_map<std::string, std::size_t> by_id_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_machine_;
  /// By machine and type; those that have ended are dropped when it is looked at.
  std::unordered_map<std::string, std::vector<std::size_t>> open_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::size_t planned_ = 0;
};

}  // namespace cordon::emulator

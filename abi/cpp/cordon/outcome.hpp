#pragma once

#include <variant>

#include "documents.hpp"
#include "status.hpp"

namespace cordon {

// What became of an action: a type per answer, so that std::visit and match() do not compile without a branch for each.

/// The service said Succeeded: the device did it.
struct Succeeded {
  Action action;
};
/// Not done yet: the service holds the action, or Cordon still does. Poll action.request_id.
struct Pending {
  Action action;
};
/// It failed on the device; action.error_text says why, as far as the device told.
struct Failed {
  Action action;
};
/// The service gave up, for instance because the device stayed away.
struct TimedOut {
  Action action;
};
/// It was cancelled at the service.
struct Cancelled {
  Action action;
};
/// The service refused the request; there is no action.
struct Rejected {
  Action action;
};
/// Expired or withdrawn before a byte of it left; nothing was sent and nothing will be.
struct NotSent {
  Action action;
};
/// All checks passed; nothing was sent.
struct DryRun {
  Action action;
};
/// A condition of a newer library; not success.
struct Unrecognised {
  Action action;
  std::int32_t status = 0;
};

using Outcome = std::variant<Succeeded, Pending, Failed, TimedOut, Cancelled, Rejected, NotSent, DryRun, Unrecognised>;

/// Calls the function that takes the outcome's type. A function of `const auto &` takes all that are left.
template <class... Functions>
auto match(const Outcome &outcome, Functions... functions) {
  struct Overloaded : Functions... {
    using Functions::operator()...;
  };
  return std::visit(Overloaded{std::move(functions)...}, outcome);
}

inline const Action &action_of(const Outcome &outcome) {
  return std::visit([](const auto &became) -> const Action & { return became.action; }, outcome);
}

inline Outcome outcome_of(std::int32_t status, Action action) {
  switch (status) {
    case CORDON_OK:
      return Succeeded{std::move(action)};
    case CORDON_PENDING:
      return Pending{std::move(action)};
    case CORDON_ACTION_FAILED:
      return Failed{std::move(action)};
    case CORDON_ACTION_TIMED_OUT:
      return TimedOut{std::move(action)};
    case CORDON_ACTION_CANCELLED:
      return Cancelled{std::move(action)};
    case CORDON_ACTION_REJECTED:
      return Rejected{std::move(action)};
    case CORDON_NOT_SENT:
      return NotSent{std::move(action)};
    case CORDON_DRY_RUN:
      return DryRun{std::move(action)};
    default:
      return Unrecognised{std::move(action), status};
  }
}

/// The status the outcome came with.
inline Status status_of(const Outcome &outcome) {
  return match(
      outcome, [](const Succeeded &) { return Status::ok; }, [](const Pending &) { return Status::pending; },
      [](const Failed &) { return Status::action_failed; }, [](const TimedOut &) { return Status::action_timed_out; },
      [](const Cancelled &) { return Status::action_cancelled; },
      [](const Rejected &) { return Status::action_rejected; }, [](const NotSent &) { return Status::not_sent; },
      [](const DryRun &) { return Status::dry_run; },
      [](const Unrecognised &other) { return static_cast<Status>(other.status); });
}

}  // namespace cordon

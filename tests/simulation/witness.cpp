#include "witness.hpp"

#include <algorithm>

#include "response/intent.hpp"

namespace cordon::simulation {
namespace {

using emulator::ActionStatus;
using ledger::State;

std::string marker_of(const std::string &request_id) {
  return response::comment_marker(RequestId::trusted(request_id));
}

/// The end that the service's status stands for; nullopt: none.
std::optional<State> end_of(ActionStatus status) {
  switch (status) {
    case ActionStatus::Succeeded:
      return State::Succeeded;
    case ActionStatus::Failed:
      return State::Failed;
    case ActionStatus::TimeOut:
      return State::TimedOut;
    case ActionStatus::Cancelled:
      return State::Cancelled;
    default:
      return std::nullopt;
  }
}

bool is_service_end(State state) {
  return state == State::Succeeded || state == State::Failed || state == State::TimedOut || state == State::Cancelled;
}

const std::string &found(const std::map<int, std::string> &names, int key) {
  static const std::string none;
  const auto it = names.find(key);
  return it == names.end() ? none : it->second;
}

}  // namespace

void Witness::violate(std::string invariant, std::string what) {
  trace_.line("VIOLATION of \"{}\": {}", invariant, what);
  if (!violation_) violation_ = Violation{std::move(invariant), std::move(what)};
}

const std::string &Witness::request_of(int wish) const {
  return found(requests_, wish);
}

const std::string &Witness::action_of(int wish) const {
  return found(action_ids_, wish);
}

/// Two wishes are for the end of one action: each names it by a wish of its own that had led to it.
bool Witness::cancel_the_same(const Wish &wish, const Wish &other) const {
  return wish.cancels >= 0 && other.cancels >= 0 && wish.tenant == other.tenant &&
         action_of(wish.cancels) == action_of(other.cancels);
}

/// Whoever asks for the same may have joined, and then it is wanted for as long as he wants it. An undo has the action
/// cancelled that it reverses: of that cancel, whoever asks for it or for the undo.
Instant Witness::valid_until(const Wish &wish, bool cancel) const {
  const auto undoes = [this](const Wish &undo, const Wish &cancelling) {
    return cancelling.cancels >= 0 && undo.undoes(wishes_[static_cast<std::size_t>(cancelling.cancels)]);
  };
  Instant until{0};
  for (const auto &[number, at] : asked_) {
    const Wish &other = wishes_[static_cast<std::size_t>(number)];
    const bool by_undo = cancel && (undoes(other, wish) || undoes(wish, other));
    if (other.number == wish.number || other.asks_the_same(wish) || cancel_the_same(wish, other) || by_undo)
      until = std::max(until, at + other.validity());
  }
  return until + late_by_;
}

void Witness::post_left(const std::string &marker, int wish, bool cancel) {
  Fate &fate = fates_[marker];
  fate.wish = wish;
  ++fate.posts;
  const Wish &wished = wishes_.at(static_cast<std::size_t>(wish));
  if (fate.closed)
    violate("nothing sent after \"nothing will be\"",
            fmt::format("a POST of {} left after it was {}", marker, fate.closed_by));
  if (fate.applied > 0 && !cancel)
    violate("never twice", fmt::format("a POST of {} left after the service had applied it", marker));
  if (const Instant until = valid_until(wished, cancel); timeline_.now() > until)
    violate("nothing sent after its time",
            fmt::format("a POST of {} left {} ms after its time had passed", marker,
                        std::chrono::ceil<milliseconds>(timeline_.now() - until).count()));
}

void Witness::applied(const std::string &marker, int wish, int tenant, const emulator::MachineAction *action) {
  Fate &fate = fates_[marker];
  ++fate.applied;
  if (tenant != wishes_.at(static_cast<std::size_t>(wish)).tenant)
    violate("tenants are kept apart", fmt::format("{} was applied in another tenant", marker));
  if (fate.closed)
    violate("nothing sent after \"nothing will be\"",
            fmt::format("{} was applied although it was {}", marker, fate.closed_by));
  if (action == nullptr) return;
  if (fate.applied > 1) violate("never twice", fmt::format("the service has applied {} twice", marker));
  fate.action = action->id;
  actions_[action->id] = action;
  maker_[action->id] = marker;
}

void Witness::close(const std::string &request_id, const std::string &why) {
  Fate &fate = fates_[marker_of(request_id)];
  if (fate.applied > 0)
    violate("nothing reported that the service did not say",
            fmt::format("request {} was {} to a caller, but the service has applied it", request_id, why));
  fate.closed = true;
  fate.closed_by = why;
}

/// `ok`: the caller was told CORDON_OK.
void Witness::check_document(const std::string &who, const Json &document, bool ok) {
  const std::string request = text_or(document, "request_id");
  const std::string action_id = text_or(document, "action_id");
  const auto state = ledger::parse_state(text_or(document, "state"));
  const auto lie = [&](const std::string &what) {
    violate("nothing reported that the service did not say", fmt::format("{}: {}", who, what));
  };
  if (!state) return lie("a document without a state");
  if (ok && *state != State::Succeeded) lie("OK, though the state is " + std::string(ledger::state_name(*state)));
  if (ledger::is_never_sent(*state)) close(request, "told to be " + std::string(ledger::state_name(*state)));
  if (*state == State::Rejected) close(request, "told to be rejected");
  if (action_id.empty()) {
    if (is_service_end(*state) || *state == State::Pending || *state == State::InProgress)
      lie("held by the service, but no action is named");
    return;
  }
  const auto known = actions_.find(action_id);
  if (known == actions_.end()) return lie("there is no action " + action_id);
  const emulator::MachineAction &action = *known->second;
  if (is_service_end(*state) && end_of(action.status) != state)
    lie(fmt::format("{} is said to be {}, the service says {}", action_id, ledger::state_name(*state),
                    emulator::word(action.status)));
  if (const std::string machine = text_or(document, "machine_id"); !machine.empty() && machine != action.machine_id)
    lie("the action is another device's");
  const Json parameters = document.value("parameters", Json::object());
  if (const std::string sha1 = text_or(parameters, "sha1");
      !sha1.empty() && !action.sha1.empty() && sha1 != action.sha1)
    lie("the action is about another file");
  for (const char *name : {"isolation_type", "scan_type"})
    if (const std::string scope = text_or(parameters, name);
        !scope.empty() && !action.scope.empty() && scope != action.scope)
      lie("the action has another scope");
  const bool cancels = text_or(document, "operation") == "cancel_action";
  if (echoes_ && !cancels && !request.empty() && !bool_or(document, "adopted", false) &&
      maker_[action_id] != marker_of(request))
    lie("the action was made by somebody else and is not called adopted");
}

/// What answers a wish is a request for the same, whoever began it.
void Witness::check_answer(const Wish &wish, const Json &document) {
  const Json parameters = document.value("parameters", Json::object());
  const char *scope = wish.operation == "isolate" ? "isolation_type" : "scan_type";
  const bool same = text_or(document, "tenant") == wish.tenant_name &&
                    text_or(document, "operation") == wish.operation &&
                    (wish.machine.empty() || text_or(document, "machine_id") == wish.machine) &&
                    text_or(parameters, "sha1") == wish.sha1 && text_or(parameters, scope) == wish.variant;
  if (!same)
    violate("every wish gets what it asks for",
            fmt::format("wish {} is answered by a request for something else: {}", wish.number, document.dump()));
}

void Witness::told(const Wish &wish, bool submitted, const Result<response::Outcome> &outcome) {
  if (outcome) {
    const std::string request = text_or(outcome->document, "request_id");
    trace_.line("wish {} is told {} {} {} action {}", wish.number, status_name(outcome->status),
                text_or(outcome->document, "state"), request, text_or(outcome->document, "action_id"));
    requests_[wish.number] = request;
    promised_.emplace(request, wish.number);
    if (const std::string action = text_or(outcome->document, "action_id"); !action.empty())
      action_ids_[wish.number] = action;
    check_answer(wish, outcome->document);
    const bool ok = outcome->status == Status::Ok && !submitted;
    check_document(fmt::format("wish {}", wish.number), outcome->document, ok);
    return;
  }
  const Error &error = outcome.error();
  trace_.line("wish {} is told {} {}: {}", wish.number, status_name(error.status), error.request_id, error.message);
  if (!error.request_id.empty()) requests_.emplace(wish.number, error.request_id);
  if (error.outcome_unknown || error.status == Status::OutcomeUnknown) {
    if (error.request_id.empty())
      violate("none forgotten", fmt::format("wish {} has an unknown outcome and no request id", wish.number));
    promised_.emplace(error.request_id, wish.number);
    return;
  }
  // Another request stands in the way: that one is named, not this wish's own.
  if (error.status == Status::KeyReused || error.status == Status::ActionInProgress ||
      error.status == Status::RefusedByPolicy)
    return;
  if (!error.request_id.empty()) close(error.request_id, "refused with " + std::string(status_name(error.status)));
}

void Witness::told_of_poll(const std::string &request_id, const Result<response::Outcome> &outcome) {
  if (outcome) {
    trace_.line("poll of {} is told {} {}", request_id, status_name(outcome->status),
                text_or(outcome->document, "state"));
    check_document("poll of " + request_id, outcome->document, outcome->status == Status::Ok);
    return;
  }
  trace_.line("poll of {} is told {}: {}", request_id, status_name(outcome.error().status), outcome.error().message);
  if (outcome.error().status == Status::NotFound && promised_.contains(request_id))
    violate("none forgotten", fmt::format("request {} is not known any more", request_id));
}

void Witness::came_back(int wish, nanoseconds late) {
  if (late > std::chrono::seconds(10))
    violate("everything ends in time", fmt::format("the call of wish {} came back {} ms after its time-out", wish,
                                                   std::chrono::ceil<milliseconds>(late).count()));
}

void Witness::judge(const std::vector<ledger::RequestRow> &rows) {
  std::map<std::string, const ledger::RequestRow *> by_marker;
  for (const ledger::RequestRow &row : rows) by_marker[marker_of(row.id.str())] = &row;
  for (const auto &[id, wish] : promised_)
    if (!by_marker.contains(marker_of(id)))
      violate("none forgotten", fmt::format("request {} of wish {} is not in the ledger", id, wish));
  for (const auto &[marker, fate] : fates_)
    if (fate.posts > 0 && !by_marker.contains(marker))
      violate("none forgotten", fmt::format("{} was sent and is not in the ledger", marker));
  for (const auto &[marker, row] : by_marker) {
    const Fate &fate = fates_[marker];
    const std::string who =
        fmt::format("request {} ({}, {})", row->id.str(), row->operation, ledger::state_name(row->state));
    check_document(who, row->document, false);
    if (ledger::is_ended(row->state)) continue;
    if (row->state == State::Unknown) {
      if (text_or(row->document, "error_text").empty())
        violate("none forgotten", who + " is unknown and nobody says why");
      if (fate.applied > 0 && echoes_) violate("everything ends in time", who + " was applied and never found");
      continue;
    }
    const auto known = actions_.find(row->action_id.str());
    const bool open = known != actions_.end() && !emulator::is_final(known->second->status);
    if (!open) violate("everything ends in time", who + " has not ended");
  }
}

}  // namespace cordon::simulation

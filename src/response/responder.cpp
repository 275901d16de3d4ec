#include "response/responder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

Error shutting_down() {
  return Error(Status::ShuttingDown, "the client is shutting down; nothing was sent");
}

Error key_reused(const char *what, const RequestRow &earlier) {
  Error error(Status::KeyReused, fmt::format("this {} was used before for another request; use a new one", what));
  error.request_id = earlier.id.str();
  return error;
}

/// Names the request and its action in an error that is about it.
Error about(Error error, const RequestRow &row) {
  error.request_id = row.id.str();
  if (error.action_id.empty()) error.action_id = row.action_id.str();
  return error;
}

Error unsent(Error error, const RequestRow &row) {
  error.message += "; nothing was sent and nothing will be";
  return about(std::move(error), row);
}

/// No byte has left. A request that is marked as being sent and that nobody works on was left so by a dead sender, or
/// its end could not be recorded.
bool may_be_taken_back(const Live &live) {
  return live.row.state == State::Queued ||
         (live.row.state == State::Sending && live.attending > 0 && !live.bytes_left);
}

bool is_held_by_service(State state) {
  return state == State::Pending || state == State::InProgress;
}

}  // namespace

/// A request as begin() left it: new or joined.
struct Responder::Begun {
  Begun(LivePtr live_, bool joined_, bool shows_adopted_)
      : live(std::move(live_)), joined(joined_), shows_adopted(shows_adopted_) {}
  LivePtr live;
  bool joined;         ///< somebody else's request serves this call
  bool shows_adopted;  ///< joined because it asks for the same, not by its key
};

Responder::Responder(Seams &seams, Timing timing, TenantNamed tenant_named)
    : seams_(seams),
      timing_(timing),
      tenant_named_(std::move(tenant_named)),
      book_(seams),
      reader_(seams, timing_),
      life_(seams.scheduler),
      submission_(seams, timing_, book_, reader_, life_),
      tracker_(seams, timing_, book_, reader_, life_, tenant_named_) {
  book_.set_on_in_flight([this](const std::string &name) { tracker_.follow(name); });
}

RequestRow Responder::new_row(const Intent &intent, BootTime deadline, bool blocking) const {
  const Clock &clock = seams_.scheduler.clock();
  RequestRow row;
  row.id = intent.options.request_id.empty() ? make_request_id(seams_.random) : intent.options.request_id;
  row.tenant = intent.tenant->name;
  row.operation = intent.operation->name;
  row.machine = intent.machine;
  row.match_key = intent.match_key();
  row.idempotency_key = intent.options.idempotency_key;
  row.fingerprint = intent.fingerprint();
  row.parameters = intent.request;
  row.progress = Json{{"blocking", blocking}};
  row.created = row.updated = clock.utc();
  row.expires = row.created + (deadline - clock.now());
  row.owner = seams_.ledger.owner();
  row.boot_id = clock.boot_id();
  row.deadline = deadline;
  row.lane = intent.options.priority;
  row.document = new_document(intent, row.id, row.created, row.expires);
  return row;
}

/// The request that answers this one already, by id, by key or because it asks for the same and has not ended.
Result<std::optional<RequestRow>> Responder::find_earlier(Tx &tx, const Intent &intent) {
  if (!intent.options.request_id.empty()) {
    auto row = tx.request(intent.options.request_id);
    if (!row) return row;
    if (*row && (*row)->fingerprint != intent.fingerprint()) return fail(key_reused("request_id", **row));
    if (*row) return row;
  }
  if (!intent.options.idempotency_key.empty()) {
    auto row = tx.by_idempotency_key(intent.tenant->name, intent.options.idempotency_key);
    if (row && *row && (*row)->fingerprint != intent.fingerprint()) return fail(key_reused("idempotency_key", **row));
    return row;
  }
  if (intent.options.force_new) return std::optional<RequestRow>();
  return tx.live_by_match_key(intent.match_key());
}

/// Whoever comes while an equal request is being taken back waits for that, and begins one of his own.
loop::Task<Result<Responder::Begun>> Responder::begin(Intent intent, BootTime deadline, bool blocking) {
  while (true) {
    Result<Begun> begun = co_await begin_or_join(intent, deadline, blocking);
    if (!begun || !begun->joined || !may_be_taken_back(*begun->live) || !begun->live->sending.reason()) co_return begun;
    co_await wait_until_dropped(begun->live);
    if (begun->live->row.state == State::Queued) co_return begun;
  }
}

/// Makes an earlier request last as long as this one would, and unhurried if this one is; `wished` is the row that this
/// one would have got.
Result<void> Responder::join_in(Tx &tx, RequestRow &earlier, const RequestRow &wished) {
  earlier = taken_over(std::move(earlier));
  if (earlier.state != State::Queued && earlier.state != State::Sending) return {};
  const BootTime deadline = earlier.deadline;
  const bool blocking = is_blocking(earlier);
  take_wishes(earlier, wished);
  if (earlier.deadline == deadline && is_blocking(earlier) == blocking) return {};
  return tx.put_request(earlier);
}

/// An undo never runs ahead of what it reverses, whatever parameters that had.
Result<void> Responder::refuse_to_overtake(Tx &tx, const Intent &intent) {
  if (intent.options.force_new || intent.machine.empty()) return {};
  ledger::RequestQuery query;
  query.live = true;
  query.tenant = intent.tenant->name;
  query.machine = intent.machine;
  Result<std::vector<RequestRow>> rows = tx.requests(query);
  if (!rows) return fail(std::move(rows.error()));
  for (const RequestRow &row : *rows) {
    const defender::Operation *other = seams_.catalogue.find(row.operation);
    if (other == nullptr || other->undo != intent.operation->name) continue;
    Error error(
        Status::ActionInProgress,
        fmt::format("{} on this device has not ended; wait for its end or cancel it first, or pass force_new if "
                    "its outcome stays unknown",
                    row.operation));
    error.retryable = true;
    return fail(about(std::move(error), row));
  }
  return {};
}

Responder::Begun Responder::joined(const Intent &intent, const RequestRow &earlier) {
  LivePtr live = book_.enter(intent.tenant, *seams_.catalogue.find(earlier.operation), earlier);
  take_wishes(live->row, earlier);
  if (live->row.deadline > live->sending.deadline()) live->sending.set_deadline(live->row.deadline);
  attend(live);
  const bool by_wish = intent.options.request_id.empty() && intent.options.idempotency_key.empty();
  return Begun(std::move(live), true, by_wish);
}

loop::Task<Result<Responder::Begun>> Responder::begin_or_join(const Intent &intent, BootTime deadline, bool blocking) {
  if (stopping_) co_return fail(shutting_down());
  const defender::Operation &operation = *intent.operation;
  RequestRow row = new_row(intent, deadline, blocking);
  std::unique_ptr<DeviceTurns::Turn> turn = submission_.turn(row);
  const bool quick = turn->first() && submission_.may_send_at_once(*intent.tenant, operation);
  const std::string quota_key = intent.tenant->quota_key(operation.quota_class);
  const ledger::QuotaWindows &windows = intent.tenant->quota.at(operation.quota_class);

  std::optional<RequestRow> earlier;
  ledger::QuotaAnswer grant(0, BootTime{});
  const auto closure = [&](Tx &tx) -> Result<void> {
    Result<std::optional<RequestRow>> known = find_earlier(tx, intent);
    if (!known) return fail(std::move(known.error()));
    if (*known) {
      earlier = std::move(**known);
      return join_in(tx, *earlier, row);
    }
    if (auto clear = refuse_to_overtake(tx, intent); !clear) return clear;
    if (auto appended = tx.append(state_record("intent", row, row.created)); !appended)
      return fail(std::move(appended.error()));
    if (quick) {
      Result<ledger::QuotaAnswer> answer = take_slot_and_mark(tx, row, quota_key, windows, seams_.scheduler.clock());
      if (!answer) return fail(std::move(answer.error()));
      grant = *answer;
    }
    return grant.granted() ? Result<void>() : tx.put_request(row);
  };
  Result<void> begun = co_await seams_.ledger.run(Durability::Full, closure);
  if (!begun) co_return fail(std::move(begun.error()));

  if (earlier) co_return joined(intent, *earlier);
  LivePtr live = book_.enter(intent.tenant, operation, row);
  live->changed.notify_all();
  if (quick && !grant.granted()) seams_.quota.refuse_until(quota_key, grant.again);
  if (stopping_) live->sending.cancel(Status::ShuttingDown);
  if (!blocking) live->holders = 1;
  submission_.start(live, std::move(turn), grant.slot);
  co_return Begun(std::move(live), false, false);
}

Result<Outcome> Responder::outcome_of(const Live &live, bool shows_adopted) const {
  // The document of a cancel is that of the action it names: when that succeeded, the cancelling did not.
  const bool cancels = live.operation->is_action() && live.operation->action_type.empty();
  const bool succeeded = live.row.state == State::Succeeded;
  const Status status = succeeded && cancels ? Status::ActionFailed : status_of(live.row.state);
  if (is_error(status) || live.given_up) {
    Error error = live.error.value_or(Error(Status::OutcomeUnknown, text_or(live.row.document, "error_text")));
    error.status = Status::OutcomeUnknown;
    const char *remedy = live.given_up ? "; if list_actions does not show it either, force_new sends it again" : "";
    error.message = fmt::format(
        "it is not known whether the service took the request; do not repeat it, poll this request id{} ({})", remedy,
        error.message);
    error.outcome_unknown = true;
    error.retryable = false;
    return fail(about(std::move(error), live.row));
  }
  Json document = live.row.document;
  if (shows_adopted) document["adopted"] = true;
  return Outcome(status, std::move(document));
}

loop::Task<Result<Outcome>> Responder::act(Intent intent, loop::Scope &call) {
  const bool until_finished = intent.options.until_finished;
  BootTime deadline = call.deadline().value_or(seams_.scheduler.now() + std::chrono::minutes(15));
  if (intent.options.valid_for) deadline = std::min(deadline, seams_.scheduler.now() + *intent.options.valid_for);
  Result<Begun> begun = co_await begin(std::move(intent), deadline, true);
  if (!begun) co_return fail(std::move(begun.error()));
  co_return co_await wait_for(std::move(*begun), until_finished, call);
}

loop::Task<Result<Outcome>> Responder::submit(Intent intent, loop::Scope &) {
  constexpr auto kValidFor = std::chrono::minutes(15);
  const BootTime deadline = seams_.scheduler.now() + intent.options.valid_for.value_or(milliseconds(kValidFor));
  Result<Begun> begun = co_await begin(std::move(intent), deadline, false);
  if (!begun) co_return fail(std::move(begun.error()));
  if (begun->joined) ++begun->live->holders;  // from now on nobody takes it back behind this caller's back
  co_return Outcome(Status::Ok, begun->live->row.document);
}

loop::Task<Result<Outcome>> Responder::wait_for(Begun begun, bool until_finished, loop::Scope &call) {
  Live &live = *begun.live;
  ++live.holders;
  struct Hold {
    Live &live;
    ~Hold() { --live.holders; }
  } const hold{live};
  while (true) {
    const State state = live.row.state;
    const bool held = is_held_by_service(state);
    if (ledger::is_ended(state) || live.given_up || (held && !until_finished)) break;
    Result<void> waited = co_await live.changed.wait(call);
    if (waited) continue;
    if (is_held_by_service(live.row.state)) break;  // the truth is `pending`, however the wait ended
    co_return co_await end_early(begun, call.error("waiting for the service to take the request"));
  }
  const bool withdrawn = live.row.state == State::Withdrawn && live.sending.reason() == Status::NotSent;
  const bool refused = live.row.state == State::Rejected || (ledger::is_never_sent(live.row.state) && !withdrawn);
  if (refused && live.error && !begun.joined)
    co_return fail(ledger::is_never_sent(live.row.state) ? unsent(*live.error, live.row)
                                                         : about(*live.error, live.row));
  co_return outcome_of(live, begun.shows_adopted);
}

/// The call's time is over before the service has taken the request: takes it back if that is still possible and nobody
/// else wants it, and says which side it is on.
loop::Task<Result<Outcome>> Responder::end_early(Begun begun, Error why) {
  LivePtr live = begun.live;
  const bool unwanted = live->holders == 1 || live->sending.reason();
  if (unwanted && may_be_taken_back(*live)) co_await drop_unsent(live, why.status);
  if (ledger::is_never_sent(live->row.state)) {
    // What stopped it says more than that the time is over: no quota, no connection, and where.
    const bool says_more = live->error && (live->error->status != Status::Deadline || why.status == Status::Deadline);
    co_return fail(unsent(says_more ? *live->error : std::move(why), live->row));
  }
  if (is_held_by_service(live->row.state) || ledger::is_ended(live->row.state))
    co_return outcome_of(*live, begun.shows_adopted);
  Error error(Status::OutcomeUnknown,
              why.message + "; the request may be at the service: do not repeat it, poll this request id");
  error.outcome_unknown = true;
  co_return fail(about(std::move(error), live->row));
}

/// Cancels a submission that has not sent anything and waits until that is durable, or turns out to be too late.
loop::Task<void> Responder::drop_unsent(LivePtr live, Status reason) {
  live->sending.cancel(reason);
  // Queued by a client that is gone: a submission of its own ends it.
  if (live->attending == 0) submission_.start(live, submission_.turn(live->row), 0);
  co_await wait_until_dropped(live);
}

loop::Task<void> Responder::wait_until_dropped(LivePtr live) {
  loop::Scope no_limit(seams_.scheduler);
  while (live->attending > 0 && may_be_taken_back(*live)) (void)co_await live->changed.wait(no_limit);
}

/// Sees to it that somebody works on a request that has not got to the service for certain.
void Responder::attend(const LivePtr &live) {
  if (live->attending > 0 || stopping_) return;
  if (live->row.state == State::Queued) {
    if (!is_blocking(live->row)) ++live->holders;  // it is wanted, whoever waits for it
    submission_.start(live, submission_.turn(live->row), 0);
  } else if (live->row.state == State::Sending) {
    submission_.start_look(live, seams_.scheduler.now());
  } else if (live->row.state == State::Unknown) {
    const BootTime soon = seams_.scheduler.now() + timing_.track_interval;  // however often a host asks
    submission_.start_look(live, std::max(live->row.closed, soon - timing_.settle));
  }
}

/// A row as this client goes on with it: its owner, and times of this boot.
RequestRow Responder::taken_over(RequestRow row) const {
  if (row.owner == seams_.ledger.owner()) return row;
  const Clock &clock = seams_.scheduler.clock();
  row.owner = seams_.ledger.owner();
  if (row.boot_id == clock.boot_id()) return row;
  row.boot_id = clock.boot_id();
  row.deadline = clock.now() + (row.expires - clock.utc());
  row.closed = clock.now();
  return row;
}

LivePtr Responder::enter(const RequestRow &row) {
  const defender::Operation *operation = seams_.catalogue.find(row.operation);
  std::shared_ptr<Tenant> tenant = tenant_named_(row.tenant);
  if (operation == nullptr || tenant == nullptr) return book_.find(row.id);
  return book_.enter(std::move(tenant), *operation, taken_over(row));
}

loop::Task<Result<Outcome>> Responder::poll(std::string id, std::shared_ptr<Tenant> tenant,
                                            std::optional<milliseconds> max_age, bool known_now, loop::Scope &call) {
  const auto closure = [id](Tx &tx) -> Result<std::optional<RequestRow>> {
    Result<std::optional<RequestRow>> row = tx.request(RequestId::trusted(id));
    if (!row || *row) return row;
    Result<std::vector<RequestRow>> rows = tx.by_action_id("", ActionId::trusted(id));
    if (!rows) return fail(std::move(rows.error()));
    return rows->empty() ? std::nullopt : std::optional(std::move(rows->front()));
  };
  Result<std::optional<RequestRow>> row = co_await seams_.ledger.run(Durability::Read, closure);
  if (!row) co_return fail(std::move(row.error()));
  if (!*row) {
    if (!known_now && tenant != nullptr) co_return co_await poll_foreign(std::move(id), std::move(tenant), call);
    Error error(Status::NotFound,
                "no request or action of this id is in the ledger; poll with a wait to ask the service for an action");
    co_return fail(std::move(error));
  }
  LivePtr live = enter(**row);
  if (live == nullptr) {  // its tenant has left the config: what the ledger knows is all there is
    loop::Scheduler &scheduler = seams_.scheduler;
    live = std::make_shared<Live>(scheduler, nullptr, *seams_.catalogue.find("get_action"), **row);
    known_now = true;
  }
  if (max_age && !known_now && is_held_by_service(live->row.state)) {
    const auto seen = UtcTicks::parse(text_or(live->row.document, "observed_at"));
    if (!seen || seams_.scheduler.clock().utc() - *seen > *max_age) {
      Result<defender::MachineAction> action =
          co_await reader_.action(*live->tenant, live->row.action_id.str(), Lane::Poll, call);
      if (!action) co_return fail(about(std::move(action.error()), live->row));
      Result<void> written = co_await book_.write_observation(*live->tenant, std::move(*action));
      if (!written) co_return fail(std::move(written.error()));
    }
  }
  if (!known_now) attend(live);
  while (!known_now && !ledger::is_ended(live->row.state) && !live->given_up) {
    Result<void> waited = co_await live->changed.wait(call);
    if (waited) continue;
    if (call.reason() != Status::Deadline) co_return fail(call.error("waiting for the end of the action"));
    break;
  }
  if (live->row.state == State::Rejected && live->error) live->row.document["error_text"] = live->error->message;
  co_return outcome_of(*live, false);
}

loop::Task<Result<Outcome>> Responder::poll_foreign(std::string id, std::shared_ptr<Tenant> tenant, loop::Scope &call) {
  while (true) {
    Result<defender::MachineAction> action = co_await reader_.action(*tenant, id, Lane::Poll, call);
    if (!action) co_return fail(std::move(action.error()));
    const Status status = status_of(state_of(action->status));
    const bool last_look = call.deadline() && *call.deadline() < seams_.scheduler.now() + timing_.track_interval;
    if (action->terminal() || last_look)
      co_return Outcome(status, foreign_document(*tenant, seams_.catalogue, *action, seams_.scheduler.clock().utc()));
    Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + timing_.track_interval, call);
    if (!slept) co_return fail(std::move(slept.error()));
  }
}

loop::Task<Result<void>> Responder::withdraw(RequestId id, loop::Scope &call) {
  (void)call;
  const auto read = [id](Tx &tx) { return tx.request(id); };
  Result<std::optional<RequestRow>> row = co_await seams_.ledger.run(Durability::Read, read);
  if (!row) co_return fail(std::move(row.error()));
  if (!*row) co_return fail(Status::NotFound, "no request of this id is in the ledger");
  LivePtr live = enter(**row);
  if (live != nullptr && may_be_taken_back(*live)) co_await drop_unsent(live, Status::NotSent);
  const State state = live == nullptr ? (*row)->state : live->row.state;
  if (state == State::Withdrawn) co_return Result<void>();
  if (live != nullptr && live->given_up && live->error) co_return fail(about(*live->error, live->row));
  Error error(
      Status::InvalidState,
      fmt::format("the request is {} and can't be withdrawn: {}", ledger::state_name(state),
                  ledger::is_ended(state) ? "it has ended" : "it may be at the service; cancel_action stops it there"));
  co_return fail(about(std::move(error), live == nullptr ? **row : live->row));
}

loop::Task<Result<Outcome>> Responder::read(const defender::Operation &operation, Json request,
                                            std::shared_ptr<Tenant> tenant, loop::Scope &call) {
  request.erase("options");
  const defender::Call wire_call(operation, std::move(request));
  http::Request http_request = defender::build_request(tenant->cloud.api, wire_call);
  Result<Json> document =
      co_await reader_.get(*tenant, &operation, std::move(http_request), operation.quota_class, Lane::Read, call);
  if (!document) co_return fail(std::move(document.error()));
  for (auto it = document->begin(); it != document->end();)
    it = it.key().starts_with("@odata.") ? document->erase(it) : std::next(it);
  co_return Outcome(Status::Ok, std::move(*document));
}

loop::Task<Result<void>> Responder::recover() {
  ledger::RequestQuery query;
  query.live = true;
  query.limit = 500;
  while (!stopping_) {
    const auto read = [query](Tx &tx) { return tx.requests(query); };
    Result<std::vector<RequestRow>> rows = co_await seams_.ledger.run(Durability::Read, read);
    if (!rows) co_return fail(std::move(rows.error()));
    if (stopping_) break;
    std::map<std::string, std::int64_t> in_flight;
    for (const RequestRow &row : *rows) {
      if (tenant_named_(row.tenant) == nullptr || row.owner == seams_.ledger.owner()) continue;
      if (is_held_by_service(row.state)) {
        ++in_flight[row.tenant];
        continue;
      }
      recover_row(row);
    }
    for (const auto &[tenant, count] : in_flight) book_.note_recovered(tenant, count);
    if (rows->size() < query.limit) co_return Result<void>();
    query.after = rows->back().id;
  }
  co_return Result<void>();
}

/// A request whose sender is dead: this client is its owner from now on.
void Responder::recover_row(const RequestRow &row) {
  LivePtr live = enter(row);
  if (live == nullptr || live->attending > 0) return;  // somebody came for it already
  if (row.state == State::Unknown && live->row.closed != BootTime{}) {
    submission_.start_look(live, live->row.closed);
  } else {
    attend(live);
  }
}

void Responder::tenants_changed() {
  book_.for_each([this](Live &live) {
    if (live.tenant == nullptr) return;
    if (std::shared_ptr<Tenant> tenant = tenant_named_(live.tenant->name)) live.tenant = std::move(tenant);
  });
}

void Responder::stop_sending() {
  stopping_ = true;
  submission_.stop();
  book_.for_each([](Live &live) {
    if (may_be_taken_back(live)) live.sending.cancel(Status::ShuttingDown);
  });
}

void Responder::end() {
  life_.cancel(Status::ShuttingDown);
}

}  // namespace cordon::response

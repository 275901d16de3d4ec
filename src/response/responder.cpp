#include "response/responder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "response/begun.hpp"
#include "response/halt.hpp"

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

Error unsent(Error error, const RequestRow &row) {
  error.message += "; nothing was sent and nothing will be";
  return about(std::move(error), row);
}

}  // namespace

Error about(Error error, const RequestRow &row) {
  error.request_id = row.id.str();
  if (error.action_id.empty()) error.action_id = row.action_id.str();
  return error;
}

Responder::Responder(Seams &seams, Timing timing, TenantNamed tenant_named)
    : seams_(seams),
      timing_(timing),
      tenant_named_(std::move(tenant_named)),
      book_(seams),
      reader_(seams, timing_),
      life_(seams.scheduler),
      submission_(seams, timing_, book_, reader_, life_),
      tracker_(seams, timing_, book_, reader_, life_, tenant_named_),
      import_(seams, book_, reader_),
      sharing_(
          seams, book_, tenant_named_,
          [this](const RequestRow &row) {
            if (const LivePtr live = enter(row)) attend(live);
          },
          [this](const std::string &tenant) { tracker_.follow(tenant); },
          [this] { seams_.scheduler.spawn(recall_halted()); }) {
  book_.set_on_in_flight([this](const std::string &name) { tracker_.follow(name); });
  submission_.set_cancel(
      [this](LivePtr undo, RequestRow forward) { return cancel_forward(std::move(undo), std::move(forward)); });
}

/// No byte has left. A request that is marked as being sent and that nobody works on was left so by a dead sender, or
/// its end could not be recorded; one of another client is that client's to take back while it is being sent.
bool Responder::may_be_taken_back(const Live &live) const {
  return live.row.state == State::Queued ||
         (live.row.state == State::Sending && is_ours(live.row) && live.attending > 0 && !live.bytes_left);
}

Result<Outcome> Responder::outcome_of(const Live &live, bool shows_adopted) const {
  // The document of a cancel is that of the action it names: when that succeeded, the cancelling did not.
  const bool cancels = live.operation->is_cancel();
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
  Result<Begun> begun = co_await begin(std::move(intent), deadline, true, call);
  if (!begun) co_return fail(std::move(begun.error()));
  co_return co_await wait_for(std::move(*begun), until_finished, call);
}

loop::Task<Result<Outcome>> Responder::submit(Intent intent, loop::Scope &call) {
  constexpr auto kValidFor = std::chrono::minutes(15);
  const BootTime deadline = seams_.scheduler.now() + intent.options.valid_for.value_or(milliseconds(kValidFor));
  Result<Begun> begun = co_await begin(std::move(intent), deadline, false, call);
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
    const bool held = is_held(state);
    if (ledger::is_ended(state) || live.given_up) break;
    if (held && (!until_finished || live.tenant->retired())) break;  // of a tenant that is gone no end will be seen
    Result<void> waited = co_await live.changed.wait(call);
    if (waited) continue;
    if (is_held(live.row.state)) break;  // the truth is `pending`, however the wait ended
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
  const bool unwanted = (live->holders == 1 && is_blocking(live->row)) || live->sending.reason();
  if (unwanted && may_be_taken_back(*live)) co_await take_back(live, why.status);
  if (ledger::is_never_sent(live->row.state)) {
    // What stopped it says more than that the time is over: no quota, no connection, and where.
    const bool says_more = live->error && (live->error->status != Status::Deadline || why.status == Status::Deadline);
    co_return fail(unsent(says_more ? *live->error : std::move(why), live->row));
  }
  if (is_held(live->row.state) || ledger::is_ended(live->row.state)) co_return outcome_of(*live, begun.shows_adopted);
  Error error(Status::OutcomeUnknown,
              why.message + "; the request may be at the service: do not repeat it, poll this request id");
  error.outcome_unknown = true;
  co_return fail(about(std::move(error), live->row));
}

/// Cancels a submission that has not sent anything and waits until that is durable, or turns out to be too late.
loop::Task<void> Responder::take_back(LivePtr live, Status reason) {
  if (!is_ours(live->row)) {
    co_await take_back_from_other(live, reason == Status::NotSent);
    co_return;
  }
  live->sending.cancel(reason);
  // Queued by a client that is gone: a submission of its own ends it.
  if (live->attending == 0) submission_.start(live, submission_.turn(live->row), 0);
  co_await wait_until_dropped(live);
}

/// Another client's: it asks the ledger before it sends. Whoever only waited for it leaves it to those who want it, as
/// long as its time has not passed.
loop::Task<void> Responder::take_back_from_other(LivePtr live, bool withdraw) {
  const UtcTicks now = seams_.scheduler.clock().utc();
  const BootTime boot_now = seams_.scheduler.now();
  RowChange change = [withdraw, now, boot_now](Tx &, RequestRow &row) -> Result<bool> {
    if (row.state != State::Queued || (!withdraw && boot_now < row.deadline)) return false;
    set_state(row, withdraw ? State::Withdrawn : State::Expired, now);
    return true;
  };
  (void)co_await book_.write(live, std::move(change), Durability::Full);
}

loop::Task<void> Responder::wait_until_dropped(LivePtr live) {
  loop::Scope no_limit(seams_.scheduler);
  while (live->attending > 0 && may_be_taken_back(*live) && live->sending.reason())
    (void)co_await live->changed.wait(no_limit);
}

/// Sees to it that somebody works on a request that has not got to the service for certain.
void Responder::attend(const LivePtr &live) {
  if (stopping_ || !needs_work(live->row.state)) return;
  if (live->attending > 0) {
    live->given_up = false;
    live->wanted.notify_all();
    return;
  }
  const BootTime now = seams_.scheduler.now();
  if (!is_ours(live->row)) {
    // Its owner lives, but may be stopped: by then it would have said something.
    const auto patience = timing_.answer_timeout + timing_.settle;
    const UtcTicks silent_since = live->row.updated + std::chrono::duration_cast<nanoseconds>(patience);
    if (live->row.state != State::Queued && seams_.scheduler.clock().utc() > silent_since)
      submission_.search().start_for_other(live);
    return;
  }
  if (live->row.state == State::Queued) {
    if (!is_blocking(live->row)) ++live->holders;  // it is wanted, whoever waits for it
    submission_.start(live, submission_.turn(live->row), 0);
  } else if (live->row.state == State::Sending || live->row.closed == BootTime{}) {
    submission_.search().start(live, now);
  } else {
    submission_.search().start(live, live->row.closed);
  }
}

/// Has the action cancelled that an undo reverses: a request of its own, with its own place in the journal.
loop::Task<Result<void>> Responder::cancel_forward(LivePtr undo, RequestRow forward) {
  Intent intent;
  intent.operation = seams_.catalogue.find("cancel_action");
  intent.tenant = undo->tenant;
  intent.action_id = forward.action_id;
  intent.request = {
      {"action_id", forward.action_id.str()},
      {"comment", fmt::format("{}: {}", undo->operation->name, text_or(undo->row.parameters, "comment"))}};
  intent.options.priority = undo->row.lane;
  intent.options.labels = undo->row.document.value("labels", Json::object());
  intent.options.actor = text_or(undo->row.document, "actor");
  Result<Begun> begun = co_await begin(std::move(intent), undo->row.deadline, false, undo->sending);
  if (!begun) co_return fail(std::move(begun.error()));
  const LivePtr cancel = begun->live;
  // Until the service has answered; that it refuses means that the action has ended, which is seen by following it.
  while (needs_work(cancel->row.state) && !cancel->given_up) {
    Result<void> waited = co_await cancel->changed.wait(undo->sending);
    if (!waited) co_return fail(undo->sending.error("waiting for the cancelling of the action that this one reverses"));
  }
  if (cancel->row.state != State::Rejected) co_return Result<void>();
  const std::shared_ptr<Tenant> tenant = undo->tenant;  // a reload may put another in its place
  std::string id = forward.action_id.str();
  Result<defender::MachineAction> action = co_await reader_.action(*tenant, std::move(id), Lane::Undo, undo->sending);
  if (!action) co_return Result<void>();
  std::vector<defender::MachineAction> seen{std::move(*action)};
  co_return co_await book_.write_observations(*tenant, std::move(seen));
}

LivePtr Responder::enter(const RequestRow &row) {
  const defender::Operation *operation = seams_.catalogue.find(row.operation);
  std::shared_ptr<Tenant> tenant = tenant_named_(row.tenant);
  if (operation == nullptr || tenant == nullptr) return book_.find(row.id);
  return book_.enter(std::move(tenant), *operation, row);
}

loop::Task<Result<void>> Responder::withdraw(RequestId id, loop::Scope &call) {
  (void)call;
  Result<std::optional<RequestRow>> row = co_await find_row(id.str());
  if (!row) co_return fail(std::move(row.error()));
  if (!*row || (*row)->id != id) co_return fail(Status::NotFound, "no request of this id is in the ledger");
  LivePtr live = enter(**row);
  if (live != nullptr && may_be_taken_back(*live)) co_await take_back(live, Status::NotSent);
  const State state = live == nullptr ? (*row)->state : live->row.state;
  if (state == State::Withdrawn) co_return Result<void>();
  if (live != nullptr && live->given_up && live->error) co_return fail(about(*live->error, live->row));
  Error error(
      Status::InvalidState,
      fmt::format("the request is {} and can't be withdrawn: {}", ledger::state_name(state),
                  ledger::is_ended(state) ? "it has ended" : "it may be at the service; cancel_action stops it there"));
  co_return fail(about(std::move(error), live == nullptr ? **row : live->row));
}

loop::Task<Result<void>> Responder::recover() {
  const auto read = [](Tx &tx) { return tx.tenants_in_flight(); };
  Result<std::vector<std::string>> tenants = co_await seams_.ledger.run(Durability::Read, read);
  if (!tenants) co_return fail(std::move(tenants.error()));
  if (stopping_) co_return Result<void>();
  for (const std::string &tenant : *tenants)
    if (tenant_named_(tenant) != nullptr) tracker_.follow(tenant);
  seams_.scheduler.spawn(watch());
  co_return Result<void>();
}

/// Looks from time to time as well, for a bell may be deaf, a stroke unheard, and the ledger out of order for a while.
loop::Task<void> Responder::watch() {
  while (true) {
    sharing_.look();
    co_await take_up_left();
    Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + timing_.look_interval, life_);
    if (!slept) co_return;
  }
}

/// Goes on with what could not be recorded, once the ledger can be written again.
loop::Task<void> Responder::take_up_left() {
  std::vector<Book::Left> all = book_.take_left();
  if (all.empty()) co_return;
  const auto end_slots = [&all](Tx &tx) -> Result<void> {
    for (const Book::Left &left : all)
      if (left.slot != 0)
        if (auto ended = tx.quota_end(left.slot, left.ended); !ended) return ended;
    return {};
  };
  Result<void> ended = co_await seams_.ledger.run(Durability::Process, end_slots);
  for (Book::Left &left : all) {
    if (!ended) {
      book_.leave(std::move(left));
      continue;
    }
    const LivePtr live = enter(left.row);
    if (live == nullptr || live->attending > 0) continue;
    if (left.stopped_by && needs_work(live->row.state)) {
      live->sending.cancel(*left.stopped_by);
      submission_.start(live, submission_.turn(live->row), 0);
    } else {
      attend(live);
    }
  }
}

void Responder::tenants_changed(std::set<std::string> added) {
  book_.for_each([this](Live &live) {
    if (live.tenant == nullptr) return;
    if (std::shared_ptr<Tenant> tenant = tenant_named_(live.tenant->name)) live.tenant = std::move(tenant);
    if (live.tenant->retired() && is_ours(live.row) && is_blocking(live.row) && may_be_taken_back(live))
      live.sending.cancel(Status::NotSent);
    live.changed.notify_all();
    if (!live.tenant->retired()) return;
    live.wanted.notify_all();
    recall(live);
  });
  sharing_.look();  // a tenant that is known now may have requests that nobody has taken over
  if (!added.empty()) seams_.scheduler.spawn(take_up(std::move(added)));
}

/// Goes on with what this client left lying when these tenants were removed, and follows what is in flight for them.
loop::Task<void> Responder::take_up(std::set<std::string> tenants) {
  const std::string client = seams_.ledger.owner();
  std::vector<std::string> in_flight;
  std::vector<RequestRow> left;
  const auto read = [&](Tx &tx) -> Result<void> {
    Result<std::vector<std::string>> followed = tx.tenants_in_flight();
    if (!followed) return fail(std::move(followed.error()));
    in_flight = std::move(*followed);
    ledger::RequestQuery query;
    query.live = true;
    query.owner = client;
    query.states = {State::Queued, State::Sending, State::Unknown};
    query.limit = 100'000;
    return tx.requests(query).map([&](std::vector<RequestRow> rows) { left = std::move(rows); });
  };
  while (true) {
    Result<void> done = co_await seams_.ledger.run(Durability::Read, read);
    if (done) break;
    seams_.log.write(LogLevel::Warning, "what is left of tenants that came back could not be read",
                     {{"reason", std::string_view(done.error().message)}});
    Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + timing_.look_interval, life_);
    if (!slept) co_return;
  }
  if (stopping_) co_return;
  for (const std::string &tenant : in_flight)
    if (tenants.contains(tenant)) tracker_.follow(tenant);
  for (const RequestRow &row : left)
    if (tenants.contains(row.tenant))
      if (const LivePtr live = enter(row); live != nullptr && live->attending == 0) attend(live);
}

/// What waits for its connection is called back where sending is halted.
loop::Task<void> Responder::recall_halted() {
  std::set<std::string> tenants;
  book_.for_each([&tenants](const Live &live) {
    if (live.recallable != nullptr) tenants.insert(live.row.tenant);
  });
  std::set<std::string> stopped;
  const auto read = [&](Tx &tx) -> Result<void> {
    for (const std::string &tenant : tenants) {
      Result<std::optional<Halt>> halt = halt_of(tx, tenant);
      if (!halt) return fail(std::move(halt.error()));
      if (*halt) stopped.insert(tenant);
    }
    return {};
  };
  if (tenants.empty()) co_return;
  (void)co_await seams_.ledger.run(Durability::Read, read);
  book_.for_each([&stopped](Live &live) {
    if (stopped.contains(live.row.tenant)) recall(live);
  });
}

void Responder::stop_sending() {
  stopping_ = true;
  submission_.stop();
  book_.for_each([this](Live &live) {
    if (is_ours(live.row) && may_be_taken_back(live)) live.sending.cancel(Status::ShuttingDown);
  });
}

void Responder::end() {
  life_.cancel(Status::ShuttingDown);
}

}  // namespace cordon::response

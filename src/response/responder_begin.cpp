// How a request comes to be: new in the journal, or joined to one that asks for the same.

#include <fmt/format.h>

#include <algorithm>

#include "response/begun.hpp"
#include "response/halt.hpp"
#include "response/responder.hpp"

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

/// A request does not overtake what reverses it. An undo waits for that by itself; whatever else is told.
Result<void> refuse_to_overtake(Tx &tx, const defender::Catalogue &catalogue, const RequestRow &row,
                                const defender::Operation &operation, bool &clear) {
  Result<std::optional<RequestRow>> before = opposite_before(tx, catalogue, row, operation);
  if (!before) return fail(std::move(before.error()));
  clear = !before->has_value();
  if (clear || operation.effect == defender::Effect::Release) return refuse_foreign_undo(tx, row, operation);
  Error error(Status::ActionInProgress,
              fmt::format("{} on this device has not ended; wait for its end or cancel it first, or pass force_new if "
                          "its outcome stays unknown",
                          (*before)->operation));
  error.retryable = true;
  return fail(about(std::move(error), **before));
}

Result<void> record_refusal(Tx &tx, const RequestRow &row, const Error &error) {
  Json body = {{"status", status_name(error.status)}, {"message", error.message},
               {"operation", row.operation},          {"machine_id", text_or_null(row.machine.str())},
               {"labels", row.document["labels"]},    {"actor", row.document["actor"]}};
  auto appended = tx.append(ledger::Record("refusal", row.id, row.tenant, std::move(body), row.created));
  if (!appended) return fail(std::move(appended.error()));
  return {};
}

}  // namespace

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
  set_validity(row, deadline - clock.now());
  if (intent.options.force_new) row.progress["force_new"] = true;
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
loop::Task<Result<Responder::Begun>> Responder::begin(Intent intent, BootTime deadline, bool blocking,
                                                      loop::Scope &call) {
  co_await import_.ensure(intent.tenant, call);
  while (true) {
    Result<Begun> begun = co_await begin_or_join(intent, deadline, blocking);
    if (!begun || !begun->joined || !may_be_taken_back(*begun->live) || !begun->live->sending.reason()) co_return begun;
    co_await wait_until_dropped(begun->live);
    if (begun->live->row.state == State::Queued) co_return begun;
  }
}

/// Makes an earlier request last as long as this one would, and unhurried if this one is; `wished` is the row that this
/// one would have got. A request of a dead client becomes this one's.
Result<void> Responder::join_in(Tx &tx, RequestRow &earlier, const RequestRow &wished) {
  if (!needs_work(earlier.state)) return {};
  const bool inherited = !is_ours(earlier) && !seams_.ledger.is_owner_alive(earlier.owner);
  if (inherited)
    if (auto trusted = ledger::distrust_unless_recorded(tx, earlier, seams_.scheduler.clock().utc()); !trusted)
      return trusted;
  if (inherited) earlier = taken_over(std::move(earlier), seams_.ledger.owner(), seams_.scheduler.clock());
  const BootTime deadline = earlier.deadline;
  const bool blocking = is_blocking(earlier);
  if (earlier.state != State::Unknown) take_wishes(earlier, wished);
  // Another client would take it back with its own caller, not knowing of this one.
  if (!is_ours(earlier)) earlier.progress["blocking"] = false;
  if (!inherited && earlier.deadline == deadline && is_blocking(earlier) == blocking) return {};
  Json body = {{"action", earlier.document}};
  if (auto appended = tx.append(ledger::Record("join", earlier.id, earlier.tenant, std::move(body), wished.created));
      !appended)
    return fail(std::move(appended.error()));
  return tx.put_request(earlier);
}

Responder::Begun Responder::joined(const Intent &intent, const RequestRow &earlier) {
  LivePtr live = book_.enter(intent.tenant, *seams_.catalogue.find(earlier.operation), earlier);
  book_.refresh(earlier);
  attend(live);
  if (on_joined_ && !is_ours(earlier) && !ledger::is_ended(earlier.state)) on_joined_(earlier.id);
  const bool by_wish = intent.options.request_id.empty() && intent.options.idempotency_key.empty();
  return Begun(std::move(live), true, by_wish);
}

loop::Task<Result<Responder::Begun>> Responder::begin_or_join(const Intent &intent, BootTime deadline, bool blocking) {
  if (stopping_) co_return fail(shutting_down());
  if (intent.tenant->retired()) co_return fail(tenant_left(*intent.tenant));
  const defender::Operation &operation = *intent.operation;
  RequestRow row = new_row(intent, deadline, blocking);
  std::unique_ptr<DeviceTurns::Turn> turn = submission_.turn(row);
  const bool quick = turn->first() && submission_.may_send_at_once(*intent.tenant, operation);
  const PermitTerms terms(*intent.tenant, operation, lane_of(row, operation), seams_.ledger.owner(),
                          seams_.scheduler.clock());

  std::optional<RequestRow> earlier;
  std::optional<Error> refused;
  Permit permit;
  const auto closure = [&](Tx &tx) -> Result<void> {
    Result<std::optional<RequestRow>> known = find_earlier(tx, intent);
    if (!known) return fail(std::move(known.error()));
    if (*known) {
      earlier = std::move(**known);
      return join_in(tx, *earlier, row);
    }
    Result<std::optional<Halt>> halt = halt_of(tx, row.tenant);
    if (!halt) return fail(std::move(halt.error()));
    if (*halt) {
      refused = halted((*halt)->reason);
      return record_refusal(tx, row, *refused);
    }
    bool clear = true;
    if (auto allowed = refuse_to_overtake(tx, seams_.catalogue, row, operation, clear); !allowed) return allowed;
    if (auto appended = tx.append(state_record("intent", row, row.created)); !appended)
      return fail(std::move(appended.error()));
    if (quick && clear) {
      Result<Permit> asked = ask_permit(tx, row, terms, true);
      if (!asked) return fail(std::move(asked.error()));
      permit = std::move(*asked);
    }
    return permit.kind == Permit::Kind::Granted ? Result<void>() : tx.put_request(row);
  };
  Result<void> begun = co_await seams_.ledger.run(Durability::Full, closure);
  if (!begun) co_return fail(std::move(begun.error()));
  if (refused) co_return fail(std::move(*refused));

  if (earlier) co_return joined(intent, *earlier);
  LivePtr live = book_.enter(intent.tenant, operation, row);
  live->changed.notify_all();
  if (permit.kind == Permit::Kind::Quota) seams_.quota.refuse_until(terms.quota_key, permit.again);
  if (stopping_) live->sending.cancel(Status::ShuttingDown);
  if (!blocking) live->holders = 1;
  submission_.start(live, std::move(turn), permit.slot);
  co_return Begun(std::move(live), false, false);
}

}  // namespace cordon::response

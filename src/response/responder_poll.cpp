// What a request or an action has come to.

#include "response/begun.hpp"
#include "response/containment.hpp"
#include "response/responder.hpp"

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

/// A fresh action may not be readable for so long (mde-api §6): until then its absence means nothing.
constexpr auto kReadAfterWriteGrace = std::chrono::seconds(35);

/// The service does not know an action that the ledger does not know either. Nobody is kept waiting for it: most who
/// ask look up a request of their own that was never recorded, and want to act.
Error perhaps_fresh(Error error) {
  if (error.status != Status::NotFound) return error;
  error.message += "; an action that another host has only just made may show half a minute later: ask again then";
  error.retryable = true;
  error.retry_after_ms = milliseconds(kReadAfterWriteGrace).count();
  return error;
}

}  // namespace

/// By request id, else by action id.
loop::Task<Result<std::optional<RequestRow>>> Responder::find_row(std::string id) {
  const auto closure = [&id](Tx &tx) -> Result<std::optional<RequestRow>> {
    Result<std::optional<RequestRow>> row = tx.request(RequestId::trusted(id));
    if (!row || *row) return row;
    Result<std::vector<RequestRow>> rows = tx.by_action_id("", ActionId::trusted(id));
    if (!rows) return fail(std::move(rows.error()));
    return rows->empty() ? std::nullopt : std::optional(std::move(rows->front()));
  };
  co_return co_await seams_.ledger.run(Durability::Read, closure);
}

/// Asks the service for the action of a request that it holds.
loop::Task<Result<void>> Responder::read_again(LivePtr live, loop::Scope &call) {
  const std::shared_ptr<Tenant> tenant = live->tenant;  // a reload may put another in its place
  std::string id = live->row.action_id.str();
  Result<defender::MachineAction> action = co_await reader_.action(*tenant, std::move(id), Lane::Poll, call);
  if (!action) {
    const auto made = seams_.scheduler.clock().utc() - live->row.created;
    if (action.error().status == Status::NotFound && made < kReadAfterWriteGrace) co_return Result<void>();
    co_return fail(about(std::move(action.error()), live->row));
  }
  std::vector<defender::MachineAction> seen{std::move(*action)};
  co_return co_await book_.write_observations(*tenant, std::move(seen));
}

loop::Task<Result<Outcome>> Responder::poll(std::string id, std::shared_ptr<Tenant> tenant,
                                            std::optional<milliseconds> max_age, bool known_now, loop::Scope &call) {
  Result<std::optional<RequestRow>> row = co_await find_row(id);
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
  } else {
    book_.refresh(**row);
  }
  if (max_age && !known_now && is_held(live->row.state)) {
    const auto seen = UtcTicks::parse(text_or(live->row.document, "observed_at"));
    if (!seen || seams_.scheduler.clock().utc() - *seen > *max_age) {
      Result<void> read = co_await read_again(live, call);
      if (!read) co_return fail(std::move(read.error()));
    }
  }
  if (!known_now && needs_work(live->row.state) && !is_ours(live->row)) {
    Result<void> taken = co_await sharing_.take_over();  // its owner may have died this moment
    if (!taken) co_return fail(std::move(taken.error()));
  }
  if (!known_now) attend(live);
  while (!known_now && !ledger::is_ended(live->row.state) && !live->given_up && !live->tenant->retired()) {
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
    if (!action) co_return fail(perhaps_fresh(std::move(action.error())));
    const Status status = status_of(state_of(action->status));
    const bool last_look = call.deadline() && *call.deadline() < seams_.scheduler.now() + timing_.track_interval;
    if (action->terminal() || last_look)
      co_return Outcome(status, foreign_document(*tenant, seams_.catalogue, *action, seams_.scheduler.clock().utc()));
    Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + timing_.track_interval, call);
    if (!slept) co_return fail(std::move(slept.error()));
  }
}

loop::Task<Result<Outcome>> Responder::read(const defender::Operation &operation, Json request,
                                            std::shared_ptr<Tenant> tenant, loop::Scope &call) {
  request.erase("options");
  const defender::Call wire_call(operation, std::move(request));
  http::Request http_request = defender::build_request(tenant->cloud.api, wire_call);
  Result<Json> document =
      co_await reader_.get(*tenant, &operation, std::move(http_request), operation.quota_class, Lane::Read, call);
  if (!document) co_return fail(std::move(document.error()));
  Json plain = defender::without_annotations(std::move(*document));
  co_return Outcome(Status::Ok, std::move(plain));
}

loop::Task<Result<Outcome>> Responder::containment_status(std::vector<std::string> machine_ids,
                                                          std::shared_ptr<Tenant> tenant, loop::Scope &call) {
  defender::ActionFilter filter = containment_filter(seams_.catalogue, machine_ids);
  Result<std::vector<defender::MachineAction>> actions =
      co_await reader_.actions(*tenant, std::move(filter), Lane::Read, call);
  if (!actions) co_return fail(std::move(actions.error()));
  Json document = containment_document(seams_.catalogue, *tenant, machine_ids, *actions);
  co_return Outcome(Status::Ok, std::move(document));
}

}  // namespace cordon::response

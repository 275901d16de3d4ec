#include "response/submission.hpp"

#include <algorithm>
#include <utility>

#include "response/halt.hpp"

namespace cordon::response {
namespace {

using defender::PostOutcome;
using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

constexpr int kAttemptsOfABlockingCall = 3;
/// How long a request that has its slot waits for a token: what is marked as being sent is hard to stop.
constexpr auto kTokenPatience = std::chrono::seconds(10);
/// How far the service's clocks may be behind the second that the Date header shows.
constexpr auto kDateGrain = std::chrono::seconds(2);
constexpr milliseconds kFirstPause(500);
constexpr milliseconds kLongestPause(30'000);

/// A service time that was certainly past when the POST left that was answered `after` it began.
std::optional<UtcTicks> sent_after(const defender::PostResult &result, nanoseconds after) {
  if (!result.service_date) return std::nullopt;
  return *result.service_date - after - kDateGrain;
}

/// The credential is not at hand, but a host may give it or unlock the vault the next moment.
bool is_locked_away(const Error &error) {
  return error.http_status == 0 && (error.status == Status::VaultLocked || error.status == Status::NotFound);
}

}  // namespace

std::unique_ptr<DeviceTurns::Turn> Submission::turn(const RequestRow &row) {
  return std::make_unique<DeviceTurns::Turn>(turns_, device_key(row));
}

void Submission::start(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot) {
  seams_.scheduler.spawn(run(std::move(live), std::move(turn), slot));
}

bool Submission::may_send_at_once(const Tenant &tenant, const defender::Operation &operation) const {
  return tenant.tokens->fresh() != nullptr && seams_.quota.open(tenant.quota_key(operation.quota_class));
}

loop::Task<void> Submission::run(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot) {
  const Attendance attendance(live);
  live->given_up = false;
  if (slot == 0) {
    Result<void> first = co_await wait_for_turn(live, *turn);
    if (!first) {
      co_await not_sent(live, std::move(first.error()), 0);
      co_return;
    }
  }
  const loop::Activity::Mark mark(sending_);
  Result<void> decided = co_await attempt_until_decided(live, slot);
  if (!decided) co_await not_sent(live, std::move(decided.error()), slot);
}

/// First the order, then the turn: an undo takes back what waits in the line before it.
loop::Task<Result<void>> Submission::wait_for_turn(LivePtr live, DeviceTurns::Turn &turn) {
  Backoff backoff(kFirstPause, kLongestPause);
  while (true) {
    Result<void> clear = co_await undo_.clear_way(live);
    if (clear) break;
    const bool again = co_await outlasts(live, clear.error(), backoff);
    if (!again) co_return clear;
  }
  Result<void> waited = co_await turn.wait(live->sending);
  if (!waited) co_return fail(live->sending.error("waiting for an earlier request for the same device"));
  co_return Result<void>();
}

/// The ledger can't be written for now. A caller who waits is told at once; what was submitted was promised, and tries
/// again when true is returned.
loop::Task<bool> Submission::outlasts(LivePtr live, const Error &error, Backoff &backoff) {
  if (error.status != Status::Ledger || is_blocking(live->row)) co_return false;
  seams_.log.write(LogLevel::Warning, "a request waits until the ledger can be written again",
                   {{"request_id", std::string_view(live->row.id.str())}, {"reason", std::string_view(error.message)}});
  Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + backoff.next(), live->sending);
  co_return slept.has_value();
}

/// A reload has removed the tenant of a request that is not sent. Who only waited for it is told; whatever else waits
/// until the tenant is back or its time has passed.
loop::Task<Result<void>> Submission::wait_for_tenant(LivePtr live, std::int64_t &slot) {
  if (slot != 0) {
    Result<void> waits = co_await back_to_queue(live, slot, unused_slot_end(seams_.scheduler.now()));
    if (!waits) co_return waits;
  }
  while (live->tenant->retired()) {
    if (is_blocking(live->row)) co_return fail(tenant_left(*live->tenant));
    Result<void> waited = co_await live->changed.wait(live->sending);
    if (!waited) co_return fail(tenant_left(*live->tenant));
  }
  co_return Result<void>();
}

/// An error means: no byte has left, and none will; `slot` is then what has to be given back.
loop::Task<Result<void>> Submission::attempt_until_decided(LivePtr live, std::int64_t &slot) {
  Backoff backoff(kFirstPause, kLongestPause);
  Backoff of_ledger(kFirstPause, kLongestPause);
  bool token_replaced = false;
  for (int attempts = 1;; ++attempts) {
    if (live->tenant->retired()) {
      Result<void> back = co_await wait_for_tenant(live, slot);
      if (!back) co_return back;
    }
    const std::shared_ptr<Tenant> tenant = live->tenant;  // a reload may put another in its place
    if (slot != 0 && tenant->tokens->fresh() == nullptr) {
      Result<void> waits = co_await back_to_queue(live, slot, unused_slot_end(seams_.scheduler.now()));
      if (!waits) co_return waits;
    }
    Result<identity::SharedToken> token = co_await tenant->tokens->get(live->sending);
    if (!token) {
      if (tenant->retired()) continue;
      if (is_blocking(live->row) || !is_locked_away(token.error())) co_return fail(std::move(token.error()));
      Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + backoff.next(), live->sending);
      if (!slept) co_return fail(std::move(token.error()));
      continue;
    }
    if (slot == 0) {
      Result<std::int64_t> taken = co_await take_slot(live);
      if (!taken) {
        const bool again = co_await outlasts(live, taken.error(), of_ledger);
        if (again) continue;
        co_return fail(std::move(taken.error()));
      }
      if (*taken == 0) co_return Result<void>();  // somebody else has decided
      slot = *taken;
      if (tenant->retired()) continue;
      token = co_await token_for_slot(live, tenant);
      if (*token == nullptr) {
        Result<void> waits = co_await back_to_queue(live, slot, unused_slot_end(seams_.scheduler.now()));
        if (!waits) co_return waits;
        continue;  // above it is known what to do without a token
      }
    }

    const BootTime began = seams_.scheduler.now();
    const http::Exchange exchange = co_await post(live, *tenant, (*token)->value);
    defender::Call call(*live->operation, live->row.parameters);
    const defender::CallContext context(live->operation, tenant->name);
    defender::PostResult result = defender::interpret_post(call, exchange, context);
    tenant->note_service_time(result.service_date);
    Attempt attempt;
    attempt.slot = slot;
    attempt.began = began;
    attempt.ended = slot_end(exchange);
    attempt.not_before = sent_after(result, exchange.ended - began);
    switch (result.outcome) {
      case PostOutcome::Accepted:
        co_await accepted(live, std::move(result), attempt);
        co_return Result<void>();
      case PostOutcome::Conflict:
        co_await conflict(live, std::move(result), attempt);
        co_return Result<void>();
      case PostOutcome::Refused:
        co_await rejected(live, std::move(result.error), attempt);
        co_return Result<void>();
      case PostOutcome::Unknown:
        co_await unknown(live, std::move(result.error), attempt);
        co_return Result<void>();
      case PostOutcome::TokenRejected:
        if (token_replaced) {
          co_await rejected(live, std::move(result.error), attempt);
          co_return Result<void>();
        }
        token_replaced = true;
        tenant->tokens->reject(*token);
        break;
      case PostOutcome::Throttled:
        cool_down(seams_, tenant->quota_key(live->operation->quota_class), milliseconds(result.error.retry_after_ms));
        break;
      case PostOutcome::NotSent: {
        if (live->recalled && !live->sending.reason()) break;
        const bool last = is_blocking(live->row) && attempts >= kAttemptsOfABlockingCall;
        const BootTime again = seams_.scheduler.now() + backoff.next();
        if (live->sending.reason() || !result.error.retryable || last || again >= live->row.deadline)
          co_return fail(std::move(result.error));
        Result<void> waits = co_await back_to_queue(live, slot, attempt.ended);
        if (!waits) co_return waits;
        Result<void> slept = co_await loop::sleep_until(again, live->sending);
        if (!slept) co_return fail(live->sending.error("waiting to connect again: " + result.error.message));
        continue;
      }
    }
    Result<void> waits = co_await back_to_queue(live, slot, attempt.ended);
    if (!waits) co_return waits;
  }
}

/// The attempt came to nothing at the service: the request waits again, and may be taken back again. The slot is given
/// back, and 0 from then on.
loop::Task<Result<void>> Submission::back_to_queue(LivePtr live, std::int64_t &slot, BootTime ended) {
  const std::int64_t used = std::exchange(slot, 0);
  live->bytes_left = false;
  Backoff backoff(kFirstPause, kLongestPause);
  while (true) {
    const UtcTicks now = seams_.scheduler.clock().utc();
    RowChange change = [now](Tx &, RequestRow &row) -> Result<bool> {
      if (row.state != State::Sending) return false;
      set_state(row, State::Queued, now);
      return true;
    };
    std::function<Result<void>(Tx &)> also = [used, ended](Tx &tx) { return tx.quota_end(used, ended); };
    Result<bool> written = co_await book_.write(live, std::move(change), Durability::Process, std::move(also));
    if (stopping_) live->sending.cancel(Status::ShuttingDown);
    if (written) co_return Result<void>();
    const bool again = co_await outlasts(live, written.error(), backoff);
    if (!again) co_return fail(std::move(written.error()));
  }
}

/// The token to send with, now that the slot is there; the one from before may have been refused or have ended while
/// the request stood in the line. Null: there is none for the moment, or the request was called back.
loop::Task<identity::SharedToken> Submission::token_for_slot(LivePtr live, std::shared_ptr<Tenant> tenant) {
  if (identity::SharedToken token = tenant->tokens->fresh()) co_return token;
  loop::Scope brief(seams_.scheduler, seams_.scheduler.now() + kTokenPatience, &live->sending);
  const Recallable recallable(live, brief);
  Result<identity::SharedToken> renewed = co_await tenant->tokens->get(brief);
  co_return renewed ? std::move(*renewed) : nullptr;
}

loop::Task<Result<ledger::QuotaAnswer>> Submission::ask_once(LivePtr live, Permit &permit) {
  const PermitTerms terms(*live->tenant, *live->operation, lane_of(live->row, *live->operation), seams_.ledger.owner(),
                          seams_.scheduler.clock());
  RequestRow row = live->row;
  const auto ask = [&row, &terms](Tx &tx) { return ask_permit(tx, row, terms, false); };
  Result<Permit> asked = co_await seams_.ledger.run(Durability::Full, ask);
  if (!asked) co_return fail(std::move(asked.error()));
  permit = std::move(*asked);
  book_.refresh(row);
  const bool wait = permit.kind == Permit::Kind::Quota;
  ledger::QuotaAnswer answer(wait ? 0 : std::max<std::int64_t>(permit.slot, 1), permit.again);
  co_return answer;
}

/// A slot, with the request marked as sending; 0: it is not this client's to send any more.
loop::Task<Result<std::int64_t>> Submission::take_slot(LivePtr live) {
  while (true) {
    Permit permit;
    const QuotaGate::Ask ask = [this, &live, &permit] { return ask_once(live, permit); };
    std::string key = live->tenant->quota_key(live->operation->quota_class);
    const Lane lane = lane_of(live->row, *live->operation);
    Result<std::int64_t> taken = co_await seams_.quota.acquire(std::move(key), lane, live->sending, ask);
    if (!taken) co_return taken;
    switch (permit.kind) {
      case Permit::Kind::Granted:
        co_return permit.slot;
      case Permit::Kind::Gone:
        co_return std::int64_t{0};
      case Permit::Kind::Late:
        co_return fail(Status::Deadline, "the request's time has passed");
      case Permit::Kind::Halted:
        if (is_blocking(live->row)) co_return fail(halted(permit.reason));
        break;
      case Permit::Kind::Busy:
      case Permit::Kind::Quota:
        break;
    }
    Result<void> waited = co_await wait_for_news(seams_, book_, live->sending);
    if (!waited) co_return fail(live->sending.error("waiting for another request for the same device"));
  }
}

/// Until the first byte may leave, whatever ends the submission stops the attempt; from then on only the client's end
/// and the answer's time-out do, for the answer is worth waiting for.
loop::Task<http::Exchange> Submission::post(LivePtr live, const Tenant &tenant, const Secret &bearer) {
  defender::Call call(*live->operation, live->row.parameters);
  call.external_id = live->row.id.str();
  call.comment_marker = comment_marker(live->row.id);
  http::Request request = defender::build_request(tenant.cloud.api, call);
  request.bearer = &bearer;
  live->bytes_left = false;
  const BootTime patience = seams_.scheduler.now() + timing_.answer_timeout;
  loop::Scope wire(seams_.scheduler, std::min(patience, live->sending.deadline().value_or(patience)), &life_);
  request.departing = [&wire, &live, patience] {
    live->bytes_left = true;
    wire.set_deadline(patience);
  };
  const Recallable recallable(live, wire);
  const loop::CancelHook stop(live->sending, [&wire, &live] {
    if (!live->bytes_left) wire.cancel(*live->sending.reason());
  });
  if (live->sending.reason()) wire.cancel(*live->sending.reason());
  http::Exchange exchange = co_await seams_.transport.send(request, wire);
  live->bytes_left = exchange.sent;
  co_return exchange;
}

}  // namespace cordon::response

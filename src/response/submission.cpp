#include "response/submission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace cordon::response {
namespace {

using defender::MachineAction;
using defender::PostOutcome;
using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

constexpr int kAttemptsOfABlockingCall = 3;
/// How far the service's clocks may be behind the second that the Date header shows.
constexpr auto kDateGrain = std::chrono::seconds(2);

/// A service time that was certainly past when the POST left that was answered `after` it began.
std::optional<UtcTicks> sent_after(const defender::PostResult &result, nanoseconds after) {
  if (!result.service_date) return std::nullopt;
  return *result.service_date - after - kDateGrain;
}

/// The credential is not at hand, but a host may give it or unlock the vault the next moment.
bool is_locked_away(const Error &error) {
  return error.http_status == 0 && (error.status == Status::VaultLocked || error.status == Status::NotFound);
}

void explain(RequestRow &row, const Error &error) {
  row.document["error_text"] = error.message;
}

}  // namespace

std::string device_key(const RequestRow &row) {
  return row.tenant + "\n" + (row.machine.empty() ? row.match_key : row.machine.str());
}

Lane lane_of(const RequestRow &row, const defender::Operation &operation) {
  if (row.lane == "urgent") return Lane::Urgent;
  if (operation.effect == defender::Effect::Release) return Lane::Undo;
  return row.lane == "bulk" ? Lane::Bulk : Lane::Normal;
}

Result<ledger::QuotaAnswer> take_slot_and_mark(Tx &tx, RequestRow &row, const std::string &quota_key,
                                               const ledger::QuotaWindows &windows, const Clock &clock) {
  Result<ledger::QuotaAnswer> answer = tx.quota_take(quota_key, windows, false, clock.now());
  if (!answer || !answer->granted()) return answer;
  set_state(row, State::Sending, clock.utc());
  row.progress["attempts"] = int_or(row.progress, "attempts", 0) + 1;
  if (auto appended = tx.append(state_record("state", row, row.updated)); !appended)
    return fail(std::move(appended.error()));
  if (auto put = tx.put_request(row); !put) return fail(std::move(put.error()));
  return answer;
}

DeviceTurns::Turn::Turn(DeviceTurns &turns, std::string device)
    : turns_(turns), device_(std::move(device)), first_(turns.scheduler_) {
  turns_.lines_[device_].push_back(this);
}

DeviceTurns::Turn::~Turn() {
  std::vector<Turn *> &line = turns_.lines_[device_];
  std::erase(line, this);
  if (line.empty())
    turns_.lines_.erase(device_);
  else
    line.front()->first_.notify_all();
}

bool DeviceTurns::Turn::first() const {
  return turns_.lines_[device_].front() == this;
}

loop::Task<Result<void>> DeviceTurns::Turn::wait(loop::Scope &scope) {
  while (!first()) {
    Result<void> waited = co_await first_.wait(scope);
    if (!waited) co_return waited;
  }
  co_return Result<void>();
}

std::unique_ptr<DeviceTurns::Turn> Submission::turn(const RequestRow &row) {
  return std::make_unique<DeviceTurns::Turn>(turns_, device_key(row));
}

void Submission::start(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot) {
  seams_.scheduler.spawn(run(std::move(live), std::move(turn), slot));
}

void Submission::start_look(LivePtr live, BootTime from) {
  seams_.scheduler.spawn(look(std::move(live), from));
}

bool Submission::may_send_at_once(const Tenant &tenant, const defender::Operation &operation) const {
  return tenant.tokens->fresh() != nullptr && seams_.quota.open(tenant.quota_key(operation.quota_class));
}

loop::Task<void> Submission::run(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot) {
  const Attendance attendance(live);
  live->given_up = false;
  Result<void> waited = co_await turn->wait(live->sending);
  if (!waited) {
    Error error = live->sending.error("waiting for an earlier request for the same device");
    co_await not_sent(live, std::move(error), slot);
    co_return;
  }
  const loop::Activity::Mark mark(sending_);
  Result<void> decided = co_await attempt_until_decided(live, slot);
  if (!decided) co_await not_sent(live, std::move(decided.error()), slot);
}

/// An error means: no byte has left, and none will; `slot` is then what has to be given back.
loop::Task<Result<void>> Submission::attempt_until_decided(LivePtr live, std::int64_t &slot) {
  Backoff backoff(milliseconds(500), milliseconds(30'000));
  bool token_replaced = false;
  for (int attempt = 1;; ++attempt) {
    const std::shared_ptr<Tenant> tenant = live->tenant;  // a reload may put another in its place
    Result<identity::SharedToken> token = co_await tenant->tokens->get(live->sending);
    if (!token) {
      if (slot != 0 || is_blocking(live->row) || !is_locked_away(token.error()))
        co_return fail(std::move(token.error()));
      Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + backoff.next(), live->sending);
      if (!slept) co_return fail(std::move(token.error()));
      continue;
    }
    if (slot == 0) {
      Result<std::int64_t> taken = co_await take_slot(live);
      if (!taken) co_return fail(std::move(taken.error()));
      slot = *taken;
    }

    const BootTime began = seams_.scheduler.now();
    const http::Exchange exchange = co_await post(live, (*token)->value);
    defender::Call call(*live->operation, live->row.parameters);
    const defender::CallContext context(live->operation, tenant->name);
    defender::PostResult result = defender::interpret_post(call, exchange, context);
    const std::optional<UtcTicks> not_before = sent_after(result, exchange.ended - began);
    const BootTime ended = slot_end(exchange);
    switch (result.outcome) {
      case PostOutcome::Accepted:
        co_await accepted(live, std::move(result), not_before, slot, ended);
        co_return Result<void>();
      case PostOutcome::Conflict:
        co_await conflict(live, std::move(result), slot, ended);
        co_return Result<void>();
      case PostOutcome::Refused:
        co_await rejected(live, std::move(result.error), slot, ended);
        co_return Result<void>();
      case PostOutcome::Unknown:
        co_await unknown(live, std::move(result.error), slot, ended);
        co_return Result<void>();
      case PostOutcome::TokenRejected:
        if (token_replaced) {
          co_await rejected(live, std::move(result.error), slot, ended);
          co_return Result<void>();
        }
        token_replaced = true;
        tenant->tokens->reject(*token);
        break;
      case PostOutcome::Throttled:
        cool_down(seams_, tenant->quota_key(live->operation->quota_class), milliseconds(result.error.retry_after_ms));
        break;
      case PostOutcome::NotSent: {
        const bool last = is_blocking(live->row) && attempt >= kAttemptsOfABlockingCall;
        const BootTime again = seams_.scheduler.now() + backoff.next();
        if (live->sending.reason() || !result.error.retryable || last || again >= live->row.deadline)
          co_return fail(std::move(result.error));
        Result<void> waits = co_await back_to_queue(live, std::exchange(slot, 0), ended);
        if (!waits) co_return waits;
        Result<void> slept = co_await loop::sleep_until(again, live->sending);
        if (!slept) co_return fail(live->sending.error("waiting to connect again: " + result.error.message));
        continue;
      }
    }
    Result<void> waits = co_await back_to_queue(live, std::exchange(slot, 0), ended);
    if (!waits) co_return waits;
  }
}

/// The attempt came to nothing at the service: the request waits again, and may be taken back again.
loop::Task<Result<void>> Submission::back_to_queue(LivePtr live, std::int64_t slot, BootTime ended) {
  live->bytes_left = false;
  RequestRow row = live->row;
  set_state(row, State::Queued, seams_.scheduler.clock().utc());
  const std::function<Result<void>(Tx &)> also = [slot, ended](Tx &tx) { return tx.quota_end(slot, ended); };
  Result<void> written = co_await book_.write(live, std::move(row), Durability::Process, also);
  if (stopping_) live->sending.cancel(Status::ShuttingDown);
  co_return written;
}

loop::Task<Result<std::int64_t>> Submission::take_slot(LivePtr live) {
  const std::shared_ptr<Tenant> tenant = live->tenant;
  const std::string key = tenant->quota_key(live->operation->quota_class);
  const ledger::QuotaWindows &windows = tenant->quota.at(live->operation->quota_class);
  RequestRow row = live->row;
  const QuotaGate::Ask ask = [&]() -> loop::Task<Result<ledger::QuotaAnswer>> {
    row = live->row;
    return seams_.ledger.run(Durability::Full, [&](Tx &tx) -> Result<ledger::QuotaAnswer> {
      if (auto kept = keep_wishes(tx, row); !kept) return fail(std::move(kept.error()));
      return take_slot_and_mark(tx, row, key, windows, seams_.scheduler.clock());
    });
  };
  Result<std::int64_t> slot = co_await seams_.quota.acquire(key, lane_of(row, *live->operation), live->sending, ask);
  if (slot) book_.changed(row, live->row.state);
  co_return slot;
}

/// Until the first byte may leave, whatever cancels the submission stops the attempt; from then on only the client's
/// end and the answer's time-out do, for the answer is worth waiting for.
loop::Task<http::Exchange> Submission::post(LivePtr live, const Secret &bearer) {
  defender::Call call(*live->operation, live->row.parameters);
  call.external_id = live->row.id.str();
  call.comment_marker = comment_marker(live->row.id);
  http::Request request = defender::build_request(live->tenant->cloud.api, call);
  request.bearer = &bearer;
  live->bytes_left = false;
  request.sent = &live->bytes_left;

  loop::Scope wire(seams_.scheduler, seams_.scheduler.now() + timing_.answer_timeout, &life_);
  const loop::CancelHook stop(live->sending, [&wire, &live] {
    if (!live->bytes_left) wire.cancel(*live->sending.reason());
  });
  if (live->sending.reason()) wire.cancel(*live->sending.reason());
  http::Exchange exchange = co_await seams_.transport.send(request, wire);
  live->bytes_left = exchange.sent;
  co_return exchange;
}

loop::Task<void> Submission::accepted(LivePtr live, defender::PostResult result, std::optional<UtcTicks> not_before,
                                      std::int64_t slot, BootTime ended) {
  const Match match = match_answer(*live, result.action, not_before);
  if (match == Match::Other) {
    co_await conflict(live, std::move(result), slot, ended);
    co_return;
  }
  if (match == Match::Adoptable && result.action.terminal()) {
    Error error(Status::OutcomeUnknown, "the service answered with an earlier action that has already ended");
    co_await unknown(live, std::move(error), slot, ended);
    co_return;
  }
  RequestRow row = live->row;
  observe(row, result.action, seams_.scheduler.clock().utc());
  row.document["adopted"] = match == Match::Adoptable;
  std::string echo = carries_our_mark(row, result.action) ? "echo/" + row.tenant : std::string();
  co_await decide(live, std::move(row), slot, ended, std::move(echo));
}

/// Records what became of an attempt whose bytes left. `echo` names the fact that the service shows our marks: sending
/// again is safe only where it does.
loop::Task<void> Submission::decide(LivePtr live, RequestRow row, std::int64_t slot, BootTime ended, std::string echo) {
  const auto also = [&](Tx &tx) -> Result<void> {
    if (!echo.empty())
      if (auto put = tx.put_meta(echo, "yes"); !put) return put;
    return tx.quota_end(slot, ended);
  };
  const std::string action_id = row.action_id.str();
  Result<void> written = co_await book_.write(live, std::move(row), Durability::Process, also);
  if (written) co_return;
  // The row still says `sending`: the next client on this ledger will look for it.
  Error error(Status::OutcomeUnknown,
              "the service has answered, but the answer could not be recorded: " + written.error().message);
  error.action_id = action_id;
  live->error = std::move(error);
  live->given_up = true;
  live->changed.notify_all();
}

/// One of this type is pending on the device: ours if it does the same, else the caller has to know.
loop::Task<void> Submission::conflict(LivePtr live, defender::PostResult result, std::int64_t slot, BootTime ended) {
  constexpr int kLooks = 3;  // a fresh action may not be listed for a while (mde-api §6)
  std::vector<MachineAction> found;
  if (!result.action.id.empty()) found.push_back(result.action);
  loop::Scope looking(seams_.scheduler, live->row.deadline, &life_);
  Backoff backoff(milliseconds(1'000), timing_.settle);
  for (int look = 0; look < kLooks && find_adoptable(*live, found) == nullptr; ++look) {
    if (look > 0) {
      Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + backoff.next(), looking);
      if (!slept) break;
    }
    defender::ActionFilter filter = same_device_and_type(*live);
    Result<std::vector<MachineAction>> listed =
        co_await reader_.actions(*live->tenant, std::move(filter), lane_of(live->row, *live->operation), looking);
    if (listed) found = std::move(*listed);
  }
  if (const MachineAction *action = find_adoptable(*live, found)) {
    RequestRow row = live->row;
    observe(row, *action, seams_.scheduler.clock().utc());
    row.document["adopted"] = !carries_our_mark(row, *action);
    co_await decide(live, std::move(row), slot, ended);
    co_return;
  }
  const auto open = std::find_if(found.begin(), found.end(), [](const MachineAction &a) { return !a.terminal(); });
  Error error(
      Status::ActionInProgress,
      fmt::format("another {} action is in progress on this device{}; wait for its end or cancel it, then try again",
                  live->operation->action_type, open == found.end() ? " and could not be listed" : ": " + open->id));
  error.retryable = true;
  error.http_status = result.error.http_status;
  error.service_code = result.error.service_code;
  error.service_correlation_id = result.error.service_correlation_id;
  if (open != found.end()) error.action_id = open->id;
  co_await rejected(live, std::move(error), slot, ended);
}

loop::Task<void> Submission::rejected(LivePtr live, Error error, std::int64_t slot, BootTime ended) {
  RequestRow row = live->row;
  explain(row, error);
  set_state(row, State::Rejected, seams_.scheduler.clock().utc());
  live->error = std::move(error);
  co_await decide(live, std::move(row), slot, ended);
}

loop::Task<void> Submission::unknown(LivePtr live, Error error, std::int64_t slot, BootTime ended) {
  RequestRow row = live->row;
  explain(row, error);
  row.closed = seams_.scheduler.now();
  row.boot_id = seams_.scheduler.clock().boot_id();
  set_state(row, State::Unknown, seams_.scheduler.clock().utc());
  const BootTime from = row.closed;
  error.status = Status::OutcomeUnknown;
  live->error = std::move(error);
  co_await decide(live, std::move(row), slot, ended);
  if (!life_.reason() && !live->given_up) start_look(live, from);
}

/// Ends a request of which no byte has left, so that none ever will: durable before anybody is told. Gives `slot` back.
loop::Task<void> Submission::not_sent(LivePtr live, Error error, std::int64_t slot) {
  const UtcTicks now = seams_.scheduler.clock().utc();
  const BootTime ended = unused_slot_end(seams_.scheduler.now());
  const bool in_time = seams_.scheduler.now() < live->row.deadline;
  if (in_time && !is_blocking(live->row) && live->sending.reason() == Status::ShuttingDown) {
    // Stays queued: whoever opens the ledger next goes on.
    if (live->row.state == State::Sending) (void)co_await back_to_queue(live, slot, ended);
    co_return;
  }
  RequestRow row = live->row;
  explain(row, error);
  set_state(row, in_time ? State::Withdrawn : State::Expired, now);
  live->error = std::move(error);
  const std::function<Result<void>(Tx &)> also = [slot, ended](Tx &tx) { return tx.quota_end(slot, ended); };
  Result<void> written = co_await book_.write(live, std::move(row), Durability::Full, also);
  if (!written) {
    seams_.log.write(
        LogLevel::Error, "a request could not be marked as not sent",
        {{"request_id", std::string_view(live->row.id.str())}, {"reason", std::string_view(written.error().message)}});
    live->error = std::move(written.error());
    live->given_up = true;  // the ledger's next client may still send it, so nobody is told that it was not
  }
}

loop::Task<Result<const MachineAction *>> Submission::look_once(LivePtr live, std::vector<MachineAction> &found) {
  if (live->operation->action_type.empty()) {  // a cancel: the action itself tells
    std::string id = text_or(live->row.parameters, "action_id");
    Result<MachineAction> action = co_await reader_.action(*live->tenant, std::move(id), Lane::Normal, life_);
    if (!action) co_return fail(std::move(action.error()));
    const bool cancelled = !action->cancellation_requestor.empty() || action->terminal();
    found.push_back(std::move(*action));
    co_return cancelled ? &found.front() : nullptr;
  }
  defender::ActionFilter filter = same_device_and_type(*live);
  Result<std::vector<MachineAction>> listed =
      co_await reader_.actions(*live->tenant, std::move(filter), Lane::Normal, life_);
  if (!listed) co_return fail(std::move(listed.error()));
  found = std::move(*listed);
  const MachineAction *ours = find_ours(*live, found);
  co_return ours != nullptr ? ours : find_adoptable(*live, found);
}

/// The sender of a request that is still marked as being sent is gone.
loop::Task<Result<void>> Submission::mark_unknown(LivePtr live, BootTime closed) {
  RequestRow row = live->row;
  row.closed = closed;
  row.document["error_text"] = "its sender ended before the answer was recorded";
  set_state(row, State::Unknown, seams_.scheduler.clock().utc());
  co_return co_await book_.write(live, std::move(row), Durability::Process);
}

loop::Task<void> Submission::look(LivePtr live, BootTime from) {
  const Attendance attendance(live);
  live->given_up = false;
  if (live->row.state != State::Unknown) {
    Result<void> marked = co_await mark_unknown(live, from);
    if (!marked) {
      live->error = std::move(marked.error());
      live->given_up = true;
      co_return;
    }
  }
  Result<void> settled = co_await loop::sleep_until(from + timing_.settle, life_);
  if (!settled) co_return;
  Backoff backoff(milliseconds(1'000), milliseconds(60'000));
  while (true) {
    std::vector<MachineAction> found;
    Result<const MachineAction *> ours = co_await look_once(live, found);
    if (ours && *ours == nullptr) {
      live->given_up = true;
      co_return;
    }
    if (ours) {
      RequestRow row = live->row;
      row.document["error_text"] = nullptr;
      observe(row, **ours, seams_.scheduler.clock().utc());
      row.document["adopted"] = !live->operation->action_type.empty() && !carries_our_mark(row, **ours);
      Result<void> written = co_await book_.write(live, std::move(row), Durability::Process);
      if (written) {
        live->error.reset();
        co_return;
      }
    }
    Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + backoff.next(), life_);
    if (!slept) co_return;
  }
}

}  // namespace cordon::response

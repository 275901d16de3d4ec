// What an attempt's end means, and how it is recorded (mde-api §13).

#include <fmt/format.h>

#include <algorithm>

#include "response/submission.hpp"
#include "response/tracker.hpp"

namespace cordon::response {
namespace {

using defender::MachineAction;
using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

void explain(RequestRow &row, const Error &error) {
  row.document["error_text"] = error.message;
}

/// What a decision not to send went by. By then somebody may have joined through another client, whose wishes are in
/// the ledger alone.
struct Wishes {
  explicit Wishes(const Live &live)
      : stopped_by(live.sending.reason()), deadline(live.sending.deadline()), blocking(is_blocking(live.row)) {}

  /// The row, as the ledger has it, is wanted by others than whoever has given up.
  bool are_outlived_by(const RequestRow &row, BootTime now) const {
    if (stopped_by == Status::NotSent || is_blocking(row) || now >= row.deadline) return false;
    return stopped_by || blocking || deadline < row.deadline;
  }

  std::optional<Status> stopped_by;
  std::optional<BootTime> deadline;
  bool blocking;
};

}  // namespace

loop::Task<void> Submission::accepted(LivePtr live, defender::PostResult result, Attempt attempt) {
  const Match match = match_answer(*live, result.action, attempt.not_before);
  if (match == Match::Other) {
    co_await conflict(live, std::move(result), attempt);
    co_return;
  }
  if (match == Match::Adoptable && result.action.terminal()) {
    Error error(Status::OutcomeUnknown, "the service answered with an earlier action that has already ended");
    co_await unknown(live, std::move(error), attempt);
    co_return;
  }
  const Clock &clock = seams_.scheduler.clock();
  const bool adopted = match == Match::Adoptable;
  const MachineAction &action = result.action;
  RowChange change = [&action, &clock, &attempt, adopted](Tx &tx, RequestRow &row) -> Result<bool> {
    if (ledger::is_ended(row.state) || (is_held(row.state) && row.action_id.str() != action.id)) return false;
    return begin_following(tx, row, action, adopted, attempt.began, clock);
  };
  std::string fact = carries_our_mark(live->row, action) ? echo_fact(live->row.tenant) : std::string();
  (void)co_await decide(live, std::move(change), attempt, Durability::Process, std::move(fact));
  // A cancel answers with the action that it names: whoever follows that action learns of it now.
  if (live->operation->is_cancel()) {
    const std::shared_ptr<Tenant> tenant = live->tenant;  // a reload may put another in its place
    std::vector<MachineAction> seen{action};
    (void)co_await book_.write_observations(*tenant, std::move(seen));
  }
}

/// Records what became of an attempt whose bytes left. `fact` is one that the answer has shown. False: it could not be
/// recorded, or somebody else has decided.
loop::Task<bool> Submission::decide(LivePtr live, RowChange change, Attempt attempt, Durability durability,
                                    std::string fact) {
  std::function<Result<void>(Tx &)> also = [&](Tx &tx) -> Result<void> {
    if (!fact.empty())
      if (auto put = tx.put_meta(fact, "yes"); !put) return put;
    return tx.quota_end(attempt.slot, attempt.ended);
  };
  Result<bool> written = co_await book_.write(live, std::move(change), durability, std::move(also));
  if (written) co_return *written;
  // The row still says `sending`: it is looked for, by this client or the next on this ledger.
  book_.leave(Book::Left(live->row, attempt.slot, attempt.ended));
  live->error = Error(Status::OutcomeUnknown,
                      "the service has answered, but the answer could not be recorded: " + written.error().message);
  live->given_up = true;
  live->changed.notify_all();
  co_return false;
}

/// One of this type is pending on the device: ours if it does the same, else the caller has to know.
loop::Task<void> Submission::conflict(LivePtr live, defender::PostResult result, Attempt attempt) {
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
    const std::shared_ptr<Tenant> tenant = live->tenant;
    defender::ActionFilter filter = same_device_and_type(*live);
    Result<std::vector<MachineAction>> listed =
        co_await reader_.actions(*tenant, std::move(filter), lane_of(live->row, *live->operation), looking);
    if (listed) found = std::move(*listed);
  }
  if (const MachineAction *action = find_adoptable(*live, found)) {
    const Clock &clock = seams_.scheduler.clock();
    const bool adopted = !carries_our_mark(live->row, *action);
    RowChange change = [action, &clock, &attempt, adopted](Tx &tx, RequestRow &row) -> Result<bool> {
      if (row.state != State::Sending) return false;
      return begin_following(tx, row, *action, adopted, attempt.began, clock);
    };
    (void)co_await decide(live, std::move(change), attempt, Durability::Process);
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
  co_await rejected(live, std::move(error), attempt);
}

loop::Task<void> Submission::rejected(LivePtr live, Error error, Attempt attempt) {
  const UtcTicks now = seams_.scheduler.clock().utc();
  RowChange change = [&error, now](Tx &, RequestRow &row) -> Result<bool> {
    if (row.state != State::Sending) return false;
    explain(row, error);
    set_state(row, State::Rejected, now);
    return true;
  };
  live->error = error;  // before the waiters are told
  // Full: a refusal that a loss of power took back would be sent again after it was told.
  (void)co_await decide(live, std::move(change), attempt, Durability::Full);
}

loop::Task<void> Submission::unknown(LivePtr live, Error error, Attempt attempt) {
  const BootTime closed = seams_.scheduler.now();
  const std::string boot_id = seams_.scheduler.clock().boot_id();
  const UtcTicks now = seams_.scheduler.clock().utc();
  RowChange change = [&error, &boot_id, closed, now](Tx &, RequestRow &row) -> Result<bool> {
    if (row.state != State::Sending) return false;
    explain(row, error);
    row.closed = closed;
    row.boot_id = boot_id;
    set_state(row, State::Unknown, now);
    return true;
  };
  live->error = error;
  live->error->status = Status::OutcomeUnknown;
  const bool written = co_await decide(live, std::move(change), attempt, Durability::Process);
  if (written && !life_.reason()) search_.start(live, closed);
}

/// Ends a request of which no byte has left, so that none ever will: durable before anybody is told. Gives `slot` back.
/// One that somebody has joined through another client meanwhile begins anew instead.
loop::Task<void> Submission::not_sent(LivePtr live, Error error, std::int64_t slot) {
  const UtcTicks now = seams_.scheduler.clock().utc();
  const BootTime boot_now = seams_.scheduler.now();
  const BootTime ended = unused_slot_end(boot_now);
  const Wishes wishes(*live);
  // Stays queued: whoever opens the ledger next goes on.
  const bool shuts_down = wishes.stopped_by == Status::ShuttingDown;
  if (shuts_down && live->row.state == State::Queued && wishes.are_outlived_by(live->row, boot_now)) co_return;
  const std::string client = seams_.ledger.owner();
  bool goes_on = false;
  RowChange change = [&](Tx &, RequestRow &row) -> Result<bool> {
    if (row.owner != client || (row.state != State::Queued && row.state != State::Sending)) return false;
    goes_on = wishes.are_outlived_by(row, boot_now);
    if (goes_on && row.state == State::Queued) return false;
    if (!goes_on) explain(row, error);
    const State unsent = boot_now < row.deadline ? State::Withdrawn : State::Expired;
    set_state(row, goes_on ? State::Queued : unsent, now);
    return true;
  };
  std::function<Result<void>(Tx &)> also = [slot, ended](Tx &tx) {
    return slot == 0 ? Result<void>() : tx.quota_end(slot, ended);
  };
  live->error = error;
  Result<bool> written = co_await book_.write(live, std::move(change), Durability::Full, std::move(also));
  if (!written) {
    seams_.log.write(
        LogLevel::Error, "a request could not be marked as not sent",
        {{"request_id", std::string_view(live->row.id.str())}, {"reason", std::string_view(written.error().message)}});
    live->error = std::move(written.error());
    live->given_up = true;  // it may still be sent, by whoever takes it up, so nobody is told that it was not
    Book::Left left(live->row, slot, ended);
    left.stopped_by = wishes.blocking ? wishes.stopped_by.value_or(Status::Interrupted) : wishes.stopped_by;
    book_.leave(std::move(left));
    co_return;
  }
  if (!goes_on) co_return;
  live->error.reset();
  if (stopping_) co_return;
  live->sending.renew(live->row.deadline);
  ++live->holders;  // nobody here waits for it, so nobody here takes it back
  start(live, turn(live->row), 0);
}

}  // namespace cordon::response

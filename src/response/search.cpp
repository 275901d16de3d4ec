#include "response/search.hpp"

#include "response/tracker.hpp"

namespace cordon::response {
namespace {

using defender::MachineAction;
using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

constexpr int kCompleteLooks = 2;
/// Complete looks at a request that is neither found nor known to be absent, before only a poll looks again.
constexpr int kMostLooks = 12;
/// Between looks while the service does not list at all, when it has not for so many looks already.
constexpr milliseconds kFirstSlowLook(120'000);
constexpr milliseconds kSlowestLook(3'600'000);
/// How far the clocks of the service's machines may differ: its Date and its records come from several.
constexpr auto kServiceSkew = std::chrono::seconds(120);

std::optional<UtcTicks> sent_after(const RequestRow &row) {
  return UtcTicks::parse(text_or(row.progress, "sent_after"));
}

bool shows_any_mark(const std::vector<MachineAction> &actions) {
  return std::any_of(actions.begin(), actions.end(), [](const MachineAction &action) { return is_marked(action); });
}

}  // namespace

std::string echo_fact(const std::string &tenant) {
  return "echo/" + tenant;
}

void Search::start(LivePtr live, BootTime closed) {
  seams_.scheduler.spawn(run(std::move(live), closed));
}

void Search::start_for_other(LivePtr live) {
  seams_.scheduler.spawn(run_for_other(std::move(live)));
}

loop::Task<Result<bool>> Search::mark_unknown(LivePtr live, BootTime closed) {
  const std::string client = seams_.ledger.owner();
  const std::string boot_id = seams_.scheduler.clock().boot_id();
  const UtcTicks now = seams_.scheduler.clock().utc();
  RowChange change = [client, boot_id, closed, now](Tx &, RequestRow &row) -> Result<bool> {
    if (row.state != State::Sending || row.owner != client) return false;
    row.closed = closed;
    row.boot_id = boot_id;
    row.document["error_text"] = "its sender ended before the answer was recorded";
    set_state(row, State::Unknown, now);
    return true;
  };
  co_return co_await book_.write(std::move(live), std::move(change), Durability::Process);
}

/// Waits for the time of the next look; when somebody asks for the request, only until `earliest`.
loop::Task<Result<void>> Search::wait_until(LivePtr live, BootTime next, BootTime earliest) {
  while (seams_.scheduler.now() < next && !live->tenant->retired()) {
    const loop::Timer due(seams_.scheduler, next, [&live] { live->wanted.notify_all(); });
    Result<void> waited = co_await live->wanted.wait(life_);
    if (!waited) co_return waited;
    next = std::min(next, std::max(earliest, seams_.scheduler.now()));
  }
  co_return Result<void>();
}

loop::Task<void> Search::run(LivePtr live, BootTime closed) {
  const Attendance attendance(live);
  live->given_up = false;
  if (live->row.state == State::Sending) {
    Result<bool> marked = co_await mark_unknown(live, closed);
    if (!marked) {
      live->error = std::move(marked.error());
      live->given_up = true;
      book_.leave(Book::Left(live->row));
      co_return;
    }
  }
  Backoff backoff(milliseconds(1'000), milliseconds(60'000));
  Backoff slow(kFirstSlowLook, kSlowestLook);
  int complete = 0;  // looks that count for its absence
  int listed = 0;
  BootTime next = closed + timing_.early_look();
  BootTime earliest = next;
  for (int looks = 1; listed < kMostLooks; ++looks) {
    Result<void> waited = co_await wait_until(live, next, earliest);
    if (!waited || live->row.state != State::Unknown) co_return;
    if (live->tenant->retired()) break;  // looked for again when it comes back
    const bool settled = seams_.scheduler.now() >= closed + timing_.settle;
    Result<bool> found = co_await look(live);
    if (found && *found) co_return;
    if (found) ++listed;
    if (found && (complete + 1 < kCompleteLooks || settled)) ++complete;
    if (complete >= kCompleteLooks) {
      co_await judge_absent(live);
      if (live->row.state != State::Unknown) co_return;
    }
    const bool enough = looks >= kMostLooks;
    if (enough || complete >= kCompleteLooks) {
      live->given_up = true;
      live->changed.notify_all();
    }
    const BootTime settled_at = closed + timing_.settle;
    next = std::max(settled_at, seams_.scheduler.now() + (enough ? slow.next() : backoff.next()));
    earliest = std::max(settled_at, seams_.scheduler.now() + timing_.track_interval);  // however often a host asks
  }
  live->given_up = true;
  live->changed.notify_all();
}

loop::Task<void> Search::run_for_other(LivePtr live) {
  const Attendance attendance(live);
  (void)co_await look(live);
}

/// True: found, and recorded so.
loop::Task<Result<bool>> Search::look(LivePtr live) {
  const std::shared_ptr<Tenant> tenant = live->tenant;  // a reload may put another in its place
  const BootTime asked = seams_.scheduler.now();
  std::vector<MachineAction> listed;
  if (live->operation->is_cancel()) {  // the action itself tells
    std::string id = text_or(live->row.parameters, "action_id");
    Result<MachineAction> action = co_await reader_.action(*tenant, std::move(id), Lane::Normal, life_);
    if (!action) co_return fail(std::move(action.error()));
    if (action->cancellation_requestor.empty() && !action->terminal()) co_return false;
    MachineAction cancelled = std::move(*action);
    Result<void> adopted = co_await adopt(live, std::move(cancelled), asked, false);
    if (!adopted) co_return fail(std::move(adopted.error()));
    co_return true;
  }
  defender::ActionFilter filter = same_device_and_type(*live);
  if (const auto after = sent_after(live->row)) {
    filter.created_since = *after - kServiceSkew;
    filter.or_open = true;
  }
  Result<std::vector<MachineAction>> actions =
      co_await reader_.actions(*tenant, std::move(filter), Lane::Normal, life_);
  if (!actions) co_return fail(std::move(actions.error()));
  listed = std::move(*actions);
  const MachineAction *ours = find_ours(*live, listed);
  if (ours == nullptr) ours = find_adoptable(*live, listed);
  if (ours == nullptr) ours = find_done_by_others(*live, listed, sent_after(live->row));
  const bool shows_marks = shows_any_mark(listed);
  if (ours != nullptr) {
    MachineAction action = *ours;
    Result<void> adopted = co_await adopt(live, std::move(action), asked, shows_marks);
    if (!adopted) co_return fail(std::move(adopted.error()));
    co_return true;
  }
  if (shows_marks) {
    const std::string fact = echo_fact(live->row.tenant);
    const auto note = [&fact](Tx &tx) { return tx.put_meta(fact, "yes"); };
    (void)co_await seams_.ledger.run(Durability::Process, note);
  }
  co_return false;
}

loop::Task<Result<void>> Search::adopt(LivePtr live, MachineAction action, BootTime asked, bool shows_marks) {
  const Clock &clock = seams_.scheduler.clock();
  const bool adopted = !live->operation->is_cancel() && !carries_our_mark(live->row, action);
  RowChange change = [&action, &clock, adopted, asked](Tx &tx, RequestRow &row) -> Result<bool> {
    if (row.state != State::Unknown && row.state != State::Sending) return false;
    row.document["error_text"] = nullptr;
    return begin_following(tx, row, action, adopted, asked, clock);
  };
  const std::string fact = echo_fact(live->row.tenant);
  std::function<Result<void>(Tx &)> also = [&fact, shows_marks](Tx &tx) {
    return shows_marks ? tx.put_meta(fact, "yes") : Result<void>();
  };
  Result<bool> written = co_await book_.write(live, std::move(change), Durability::Process, std::move(also));
  if (!written) co_return fail(std::move(written.error()));
  live->error.reset();
  co_return Result<void>();
}

/// The service does not have it, as far as it can be known. Without its marks ever having been shown, nothing is known.
loop::Task<void> Search::judge_absent(LivePtr live) {
  const std::string client = seams_.ledger.owner();
  const Clock &clock = seams_.scheduler.clock();
  const bool repeatable = live->operation->is_cancel();
  RowChange change = [&clock, client, repeatable](Tx &tx, RequestRow &row) -> Result<bool> {
    if (row.state != State::Unknown || row.owner != client) return false;
    Result<std::optional<std::string>> echo = tx.get_meta(echo_fact(row.tenant));
    if (!echo) return fail(std::move(echo.error()));
    if (!*echo && !repeatable) return false;
    if (clock.now() >= row.deadline) {
      row.document["error_text"] =
          "it was sent, but the service does not have it; it is not sent again because its time has passed";
      set_state(row, State::Expired, clock.utc());
    } else {
      row.document["error_text"] = nullptr;
      row.progress["lost"] = int_or(row.progress, "lost", 0) + 1;
      set_state(row, State::Queued, clock.utc());
    }
    return true;
  };
  // Full: whoever opens the ledger after a loss of power must not count on another look.
  Result<bool> judged = co_await book_.write(live, std::move(change), Durability::Full);
  if (!judged || !*judged) co_return;
  live->error.reset();
  live->bytes_left = false;
  if (live->row.state == State::Queued) on_absent_(live);
}

}  // namespace cordon::response

#include "response/tracker.hpp"

#include <algorithm>
#include <set>

namespace cordon::response {
namespace {

using defender::MachineAction;
using ledger::Durability;
using ledger::RequestRow;
using ledger::Tx;

/// A change may be listed late (mde-api §6: up to about 30 s), so every look reaches back behind the newest one seen.
constexpr auto kOverlap = std::chrono::seconds(60);
constexpr std::size_t kRowsPerRead = 500;
constexpr std::size_t kActionsPerWrite = 200;
/// So many looks by update, then one at all that is open.
constexpr int kLooksBetweenSweeps = 40;
/// So many actions are followed at the configured interval; at four times as many and more it is four times as long.
constexpr std::int64_t kInFlightAtFullPace = 250;
constexpr std::int64_t kLongestPace = 4;

/// An end is known within one interval though it came just behind a look: the next one begins as much earlier as it is
/// going to take.
BootTime next_look(nanoseconds interval, BootTime began, BootTime now) {
  return now + std::max(interval - 2 * (now - began), interval / 2);
}

/// An end that another one may have overtaken: the device can have finished before the cancel or the time-out reached
/// it (mde-api §7).
bool may_be_overtaken(const MachineAction &action) {
  return action.status == defender::ActionStatus::Cancelled || action.status == defender::ActionStatus::TimeOut;
}

/// The fact, among the ledger's, that an action of the tenant was recorded late.
std::string late_fact(const std::string &tenant) {
  return "late/" + tenant;
}

}  // namespace

/// Whether this client asks the service for a tenant now.
struct Tracker::Turn {
  Turn(std::int64_t in_flight_, ledger::Lease lease_) : in_flight(in_flight_), lease(lease_) {}
  std::int64_t in_flight;
  ledger::Lease lease;
};

Result<bool> begin_following(Tx &tx, RequestRow &row, const MachineAction &action, bool adopted, BootTime asked,
                             const Clock &clock) {
  observe(row, action, clock.utc());
  row.document["adopted"] = adopted;
  return look_back_if_late(tx, row.tenant, asked, clock.now()).map([] { return true; });
}

Result<void> look_back_if_late(Tx &tx, const std::string &tenant, BootTime asked, BootTime now) {
  // What changed behind the answer is within the overlap still, less the time that a change may be listed late.
  return now - asked < kOverlap / 2 ? Result<void>() : tx.put_meta(late_fact(tenant), "yes");
}

milliseconds track_interval(const Timing &timing, std::int64_t in_flight) {
  const std::int64_t share = std::clamp(in_flight, kInFlightAtFullPace, kInFlightAtFullPace * kLongestPace);
  return milliseconds(timing.track_interval.count() * share / kInFlightAtFullPace);
}

void Tracker::follow(const std::string &tenant) {
  if (tenant_named_(tenant) == nullptr) return;  // another client's: it must not get the lease here
  Watch &watch = watches_[tenant];
  watch.wanted = true;
  if (watch.running) return;
  watch.running = true;
  seams_.scheduler.spawn(run(tenant));
}

/// The lease lasts two intervals: who misses two heartbeats has stopped, and another one goes on.
loop::Task<Result<Tracker::Turn>> Tracker::take_turn(const std::string &name) {
  const BootTime now = seams_.scheduler.now();
  const auto take = [this, &name, now](Tx &tx) -> Result<Turn> {
    Result<std::int64_t> in_flight = tx.in_flight(name);
    if (!in_flight) return fail(std::move(in_flight.error()));
    if (*in_flight == 0) return Turn(0, ledger::Lease(false, now));
    const BootTime until = now + 2 * track_interval(timing_, *in_flight) + milliseconds(1'000);
    Result<ledger::Lease> lease = tx.take_lease("poll/" + name, now, until);
    if (!lease) return fail(std::move(lease.error()));
    return Turn(*in_flight, *lease);
  };
  co_return co_await seams_.ledger.run(Durability::Process, take);
}

/// Until somebody else's lease is over, or its holder has gone, which is news.
loop::Task<Result<void>> Tracker::wait_for_turn(BootTime until) {
  loop::Event &news = book_.news();
  const loop::Timer over(seams_.scheduler, until, [&news] { news.notify_all(); });
  co_return co_await news.wait(life_);
}

loop::Task<void> Tracker::run(std::string name) {
  Watch &watch = watches_[name];
  const milliseconds longest = std::max(timing_.track_interval, milliseconds(300'000));
  Backoff backoff(timing_.track_interval, longest);
  bool was_holder = false;
  BootTime next = seams_.scheduler.now() + timing_.track_interval;
  while (!life_.reason() && tenant_named_(name) != nullptr) {
    watch.wanted = false;
    Result<Turn> turn = co_await take_turn(name);
    if (turn && turn->in_flight == 0 && !watch.wanted) break;
    if (turn && turn->in_flight == 0) continue;  // more came while it was counted
    if (turn && !turn->lease.held) {
      was_holder = false;
      Result<void> waited = co_await wait_for_turn(turn->lease.until);
      if (!waited) break;
      next = seams_.scheduler.now();
      continue;
    }
    if (!was_holder) watch.high_water = UtcTicks();  // what others have seen meanwhile is not known here
    was_holder = turn.has_value();
    Result<void> slept = co_await loop::sleep_until(next, life_);
    if (!slept) break;
    const std::shared_ptr<Tenant> tenant = tenant_named_(name);  // anew each time: a reload may have changed it
    if (tenant == nullptr) break;
    Result<void> looked = turn ? Result<void>() : Result<void>(fail(turn.error()));
    const BootTime began = seams_.scheduler.now();
    if (looked) looked = co_await look(tenant, watch);
    if (looked) {
      next = next_look(track_interval(timing_, turn->in_flight), began, seams_.scheduler.now());
      backoff = Backoff(timing_.track_interval, longest);
    } else {
      next = seams_.scheduler.now() + backoff.next();
      seams_.log.write(LogLevel::Warning, "actions could not be followed; trying again",
                       {{"tenant", std::string_view(name)}, {"reason", std::string_view(looked.error().message)}});
    }
  }
  watch.running = false;
}

loop::Task<Result<void>> Tracker::look(std::shared_ptr<Tenant> tenant, Watch &watch) {
  Result<bool> back = co_await must_look_back(tenant->name);
  if (!back) co_return fail(std::move(back.error()));
  if (*back) watch.high_water = UtcTicks();
  if (!watch.by_id && !watch.high_water.is_set()) {
    Result<UtcTicks> oldest = co_await oldest_in_flight(tenant->name);
    if (!oldest) co_return fail(std::move(oldest.error()));
    watch.high_water = *oldest;
  }
  if (watch.by_id || !watch.high_water.is_set()) co_return co_await look_by_id(*tenant);
  Result<void> looked = co_await look_by_update(*tenant, watch);
  // A filter that the service doesn't take stays so; a gateway's refusal may have the same HTTP status.
  const bool refused = !looked && looked.error().status == Status::InvalidArgument && looked.error().http_status == 400;
  if (refused) watch.by_id = true;
  const bool unreadable = !looked && looked.error().status == Status::InvalidResponse;
  if (refused || unreadable) co_return co_await look_by_id(*tenant);
  if (!looked || ++watch.looks < kLooksBetweenSweeps) co_return looked;
  watch.looks = 0;
  co_return co_await look_for_missed(*tenant);
}

/// Takes the fact away: whoever fails to look after that begins at the oldest action in flight by himself.
loop::Task<Result<bool>> Tracker::must_look_back(const std::string &tenant) {
  const std::string fact = late_fact(tenant);
  const auto read = [&fact](Tx &tx) { return tx.get_meta(fact); };
  Result<std::optional<std::string>> late = co_await seams_.ledger.run(Durability::Read, read);
  if (!late) co_return fail(std::move(late.error()));
  if (!*late) co_return false;
  const auto erase = [&fact](Tx &tx) { return tx.erase_meta(fact); };
  Result<void> erased = co_await seams_.ledger.run(Durability::Process, erase);
  if (!erased) co_return fail(std::move(erased.error()));
  co_return true;
}

/// When the oldest of the actions in flight was made: none of them has changed before. Requests are listed in the order
/// in which they were recorded, which is not that in which they were sent.
loop::Task<Result<UtcTicks>> Tracker::oldest_in_flight(const std::string &tenant) {
  UtcTicks oldest;
  RequestId after;
  while (true) {
    const auto read = [&tenant, &after](Tx &tx) { return tx.in_flight_rows(tenant, after, kRowsPerRead); };
    Result<std::vector<RequestRow>> rows = co_await seams_.ledger.run(Durability::Read, read);
    if (!rows) co_return fail(std::move(rows.error()));
    for (const RequestRow &row : *rows) {
      const auto made = UtcTicks::parse(text_or(row.document, "created_at"));
      if (made && (!oldest.is_set() || *made < oldest)) oldest = *made;
    }
    if (rows->size() < kRowsPerRead) co_return oldest;
    after = rows->back().id;
  }
}

loop::Task<Result<void>> Tracker::look_by_update(Tenant &tenant, Watch &watch) {
  defender::ActionFilter filter;
  filter.updated_since = watch.high_water - kOverlap;
  filter.ascending_by_update = true;
  Result<std::vector<MachineAction>> changed = co_await reader_.actions(tenant, std::move(filter), Lane::Poll, life_);
  if (!changed) co_return fail(std::move(changed.error()));
  UtcTicks newest = watch.high_water;
  for (const MachineAction &action : *changed) newest = std::max(newest, action.updated_at);
  Result<void> recorded = co_await record(tenant, std::move(*changed));
  if (recorded) watch.high_water = newest;
  co_return recorded;
}

/// Lists what is open at the service; what is in flight here and not open there has ended without our seeing it.
loop::Task<Result<void>> Tracker::look_for_missed(Tenant &tenant) {
  defender::ActionFilter filter;
  filter.statuses = {"Pending", "InProgress"};
  Result<std::vector<MachineAction>> open = co_await reader_.actions(tenant, std::move(filter), Lane::Poll, life_);
  if (!open) co_return fail(std::move(open.error()));
  std::set<std::string> ids;
  for (const MachineAction &action : *open) ids.insert(action.id);
  std::vector<std::string> missed;
  RequestId after;
  while (true) {
    const auto read = [&tenant, &after](Tx &tx) { return tx.in_flight_rows(tenant.name, after, kRowsPerRead); };
    Result<std::vector<RequestRow>> rows = co_await seams_.ledger.run(Durability::Read, read);
    if (!rows) co_return fail(std::move(rows.error()));
    for (const RequestRow &row : *rows)
      if (!ids.contains(row.action_id.str())) missed.push_back(row.action_id.str());
    if (rows->size() < kRowsPerRead) break;
    after = rows->back().id;
  }
  co_return co_await ask_by_id(tenant, std::move(missed));
}

loop::Task<Result<void>> Tracker::look_by_id(Tenant &tenant) {
  RequestId after;
  while (true) {
    const auto read = [&tenant, &after](Tx &tx) { return tx.in_flight_rows(tenant.name, after, kRowsPerRead); };
    Result<std::vector<RequestRow>> rows = co_await seams_.ledger.run(Durability::Read, read);
    if (!rows) co_return fail(std::move(rows.error()));
    std::vector<std::string> ids;
    for (const RequestRow &row : *rows) ids.push_back(row.action_id.str());
    Result<void> asked = co_await ask_by_id(tenant, std::move(ids));
    if (!asked || rows->size() < kRowsPerRead) co_return asked;
    after = rows->back().id;
  }
}

loop::Task<Result<void>> Tracker::ask_by_id(Tenant &tenant, std::vector<std::string> ids) {
  for (std::size_t from = 0; from < ids.size(); from += defender::ActionFilter::kMaxIdsPerQuery) {
    defender::ActionFilter filter;
    const std::size_t to = std::min(ids.size(), from + defender::ActionFilter::kMaxIdsPerQuery);
    filter.action_ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(from),
                             ids.begin() + static_cast<std::ptrdiff_t>(to));
    std::vector<std::string> chunk = filter.action_ids;
    Result<std::vector<MachineAction>> listed = co_await reader_.actions(tenant, std::move(filter), Lane::Poll, life_);
    if (!listed && listed.error().status == Status::InvalidResponse)
      listed = co_await ask_one_by_one(tenant, std::move(chunk));
    if (!listed) co_return fail(std::move(listed.error()));
    Result<void> recorded = co_await record(tenant, std::move(*listed));
    if (!recorded) co_return recorded;
  }
  co_return Result<void>();
}

/// For a list with a row that can't be read: whatever else it held is not to wait for that one. An error when none of
/// them can be read.
loop::Task<Result<std::vector<MachineAction>>> Tracker::ask_one_by_one(Tenant &tenant, std::vector<std::string> ids) {
  std::vector<MachineAction> read;
  Error unreadable;
  for (const std::string &id : ids) {
    Result<MachineAction> action = co_await reader_.action(tenant, id, Lane::Poll, life_);
    if (action) {
      read.push_back(std::move(*action));
      continue;
    }
    unreadable = std::move(action.error());
    if (unreadable.status != Status::InvalidResponse && unreadable.status != Status::NotFound)
      co_return fail(std::move(unreadable));
  }
  if (read.empty()) co_return fail(std::move(unreadable));
  co_return read;
}

/// Writes what was listed, in portions that let others have the ledger in between. An action that seems cancelled or
/// timed out is read once more by its id before it is called so.
loop::Task<Result<void>> Tracker::record(Tenant &tenant, std::vector<MachineAction> actions) {
  std::vector<MachineAction> certain;
  Result<void> confirmed;
  for (MachineAction &action : actions) {
    if (!may_be_overtaken(action)) {
      certain.push_back(std::move(action));
      continue;
    }
    Result<bool> known = co_await is_news(tenant.name, action);
    if (!known) co_return fail(std::move(known.error()));
    if (!*known) continue;
    Result<MachineAction> again = co_await reader_.action(tenant, action.id, Lane::Poll, life_);
    if (again)
      certain.push_back(std::move(*again));
    else
      confirmed = fail(std::move(again.error()));  // it stays as it was known, and is listed again
  }
  for (std::size_t from = 0; from < certain.size(); from += kActionsPerWrite) {
    const auto begin = certain.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = certain.begin() + static_cast<std::ptrdiff_t>(std::min(certain.size(), from + kActionsPerWrite));
    std::vector<MachineAction> portion(std::make_move_iterator(begin), std::make_move_iterator(end));
    Result<void> written = co_await book_.write_observations(tenant, std::move(portion));
    if (!written) co_return written;
  }
  co_return confirmed;
}

/// Some request of ours waits for the end of this action.
loop::Task<Result<bool>> Tracker::is_news(const std::string &tenant, const MachineAction &action) {
  const auto read = [&tenant, &action](Tx &tx) -> Result<bool> {
    Result<std::vector<RequestRow>> rows = tx.by_action_id(tenant, ActionId::trusted(action.id));
    if (!rows) return fail(std::move(rows.error()));
    return std::any_of(rows->begin(), rows->end(), [](const RequestRow &row) { return !ledger::is_ended(row.state); });
  };
  co_return co_await seams_.ledger.run(Durability::Read, read);
}

}  // namespace cordon::response

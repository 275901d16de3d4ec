#include "response/tracker.hpp"

#include <algorithm>

namespace cordon::response {
namespace {

using defender::MachineAction;
using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

/// A change may be listed late (mde-api §6: up to about 30 s), so every look reaches back behind the newest one seen.
constexpr auto kOverlap = std::chrono::seconds(60);
constexpr std::size_t kRowsPerRead = 500;

ledger::RequestQuery in_flight_of(const std::string &tenant) {
  ledger::RequestQuery query;
  query.tenant = tenant;
  query.states = {State::Pending, State::InProgress};
  query.limit = kRowsPerRead;
  return query;
}

}  // namespace

void Tracker::follow(const std::string &tenant) {
  Watch &watch = watches_[tenant];
  if (watch.running) return;
  watch.running = true;
  seams_.scheduler.spawn(run(tenant));
}

loop::Task<void> Tracker::run(std::string name) {
  Watch &watch = watches_[name];
  Backoff backoff(timing_.track_interval, std::max(timing_.track_interval, milliseconds(300'000)));
  milliseconds wait = timing_.track_interval;
  while (book_.in_flight(name) > 0) {
    Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + wait, life_);
    if (!slept) break;
    const std::shared_ptr<Tenant> tenant = tenant_named_(name);  // anew each time: a reload may have changed it
    if (tenant == nullptr) break;
    Result<void> looked = co_await look(*tenant, watch);
    if (looked) {
      wait = timing_.track_interval;
      backoff = Backoff(timing_.track_interval, std::max(timing_.track_interval, milliseconds(300'000)));
    } else {
      wait = backoff.next();
      seams_.log.write(LogLevel::Warning, "actions could not be followed; trying again",
                       {{"tenant", std::string_view(name)}, {"reason", std::string_view(looked.error().message)}});
    }
  }
  watch.running = false;
}

loop::Task<Result<void>> Tracker::look(const Tenant &tenant, Watch &watch) {
  if (!watch.by_id && !watch.high_water.is_set()) {
    Result<UtcTicks> oldest = co_await oldest_in_flight(tenant);
    if (!oldest) co_return fail(std::move(oldest.error()));
    watch.high_water = *oldest;
  }
  if (!watch.by_id && watch.high_water.is_set()) {
    Result<void> looked = co_await look_by_update(tenant, watch);
    if (looked || looked.error().http_status != 400) co_return looked;
    watch.by_id = true;
  }
  co_return co_await look_by_id(tenant);
}

/// When the oldest of the actions in flight was made: none of them has changed before. Requests are listed in the order
/// in which they were recorded, which is not that in which they were sent.
loop::Task<Result<UtcTicks>> Tracker::oldest_in_flight(const Tenant &tenant) {
  ledger::RequestQuery query = in_flight_of(tenant.name);
  UtcTicks oldest;
  while (true) {
    const auto read = [query](Tx &tx) { return tx.requests(query); };
    Result<std::vector<RequestRow>> rows = co_await seams_.ledger.run(Durability::Read, read);
    if (!rows) co_return fail(std::move(rows.error()));
    for (const RequestRow &row : *rows) {
      const auto made = UtcTicks::parse(text_or(row.document, "created_at"));
      if (made && (!oldest.is_set() || *made < oldest)) oldest = *made;
    }
    if (rows->size() < kRowsPerRead) co_return oldest;
    query.after = rows->back().id;
  }
}

loop::Task<Result<void>> Tracker::look_by_update(const Tenant &tenant, Watch &watch) {
  defender::ActionFilter filter;
  filter.updated_since = watch.high_water - kOverlap;
  filter.ascending_by_update = true;
  Result<std::vector<MachineAction>> changed = co_await reader_.actions(tenant, std::move(filter), Lane::Poll, life_);
  if (!changed) co_return fail(std::move(changed.error()));
  for (const MachineAction &action : *changed) {
    Result<void> written = co_await book_.write_observation(tenant, action);
    if (!written) co_return written;
    watch.high_water = std::max(watch.high_water, action.updated_at);
  }
  co_return Result<void>();
}

loop::Task<Result<void>> Tracker::look_by_id(const Tenant &tenant) {
  ledger::RequestQuery query = in_flight_of(tenant.name);
  while (true) {
    const auto read = [query](Tx &tx) { return tx.requests(query); };
    Result<std::vector<RequestRow>> rows = co_await seams_.ledger.run(Durability::Read, read);
    if (!rows) co_return fail(std::move(rows.error()));
    for (std::size_t from = 0; from < rows->size(); from += defender::ActionFilter::kMaxIdsPerQuery) {
      defender::ActionFilter filter;
      const std::size_t to = std::min(rows->size(), from + defender::ActionFilter::kMaxIdsPerQuery);
      for (std::size_t i = from; i < to; ++i) filter.action_ids.push_back((*rows)[i].action_id.str());
      Result<std::vector<MachineAction>> listed =
          co_await reader_.actions(tenant, std::move(filter), Lane::Poll, life_);
      if (!listed) co_return fail(std::move(listed.error()));
      for (const MachineAction &action : *listed) {
        Result<void> written = co_await book_.write_observation(tenant, action);
        if (!written) co_return written;
      }
    }
    if (rows->size() < kRowsPerRead) co_return Result<void>();
    query.after = rows->back().id;
  }
}

}  // namespace cordon::response

#include "response/book.hpp"

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

bool is_in_flight(State state) {
  return state == State::Pending || state == State::InProgress;
}

}  // namespace

ledger::Record state_record(const char *kind, const RequestRow &row, UtcTicks now) {
  return ledger::Record(kind, row.id, row.tenant, Json{{"action", row.document}}, now);
}

bool is_blocking(const RequestRow &row) {
  return bool_or(row.progress, "blocking", false);
}

void take_wishes(RequestRow &row, const RequestRow &known) {
  if (known.boot_id == row.boot_id && known.deadline > row.deadline) {
    row.deadline = known.deadline;
    row.expires = known.expires;
    row.document["expires_at"] = known.expires.str();
  }
  if (is_blocking(row) && !is_blocking(known)) row.progress["blocking"] = false;
}

Result<void> keep_wishes(Tx &tx, RequestRow &row) {
  Result<std::optional<RequestRow>> kept = tx.request(row.id);
  if (!kept) return fail(std::move(kept.error()));
  if (*kept) take_wishes(row, **kept);
  return {};
}

LivePtr Book::enter(std::shared_ptr<Tenant> tenant, const defender::Operation &operation, RequestRow row) {
  const RequestId id = row.id;
  if (LivePtr known = find(id)) return known;
  auto live = std::make_shared<Live>(seams_.scheduler, std::move(tenant), operation, std::move(row));
  if (live_.size() >= sweep_at_) {
    std::erase_if(live_, [](const auto &entry) { return entry.second.expired(); });
    sweep_at_ = 64 + 2 * live_.size();
  }
  live_[id] = live;
  return live;
}

LivePtr Book::find(const RequestId &id) const {
  const auto it = live_.find(id);
  return it == live_.end() ? nullptr : it->second.lock();
}

void Book::for_each(const std::function<void(Live &)> &visit) const {
  for (const auto &entry : live_)
    if (const LivePtr live = entry.second.lock()) visit(*live);
}

std::int64_t Book::in_flight(const std::string &tenant) const {
  const auto it = in_flight_.find(tenant);
  return it == in_flight_.end() ? 0 : it->second;
}

void Book::note_recovered(const std::string &tenant, std::int64_t in_flight) {
  in_flight_[tenant] += in_flight;
  if (in_flight > 0 && on_in_flight_) on_in_flight_(tenant);
}

void Book::changed(const RequestRow &row, State before) {
  if (is_in_flight(before) != is_in_flight(row.state)) {
    std::int64_t &count = in_flight_[row.tenant];
    count += is_in_flight(row.state) ? 1 : -1;
    if (is_in_flight(row.state) && on_in_flight_) on_in_flight_(row.tenant);
  }
  if (const LivePtr live = find(row.id)) {
    live->row = row;
    live->changed.notify_all();
  }
}

loop::Task<Result<void>> Book::write(LivePtr live, RequestRow row, Durability durability,
                                     std::function<Result<void>(Tx &)> also) {
  const State before = live->row.state;
  const UtcTicks now = seams_.scheduler.clock().utc();
  const auto closure = [&row, &also, now](Tx &tx) -> Result<void> {
    if (auto kept = keep_wishes(tx, row); !kept) return kept;
    if (auto appended = tx.append(state_record("state", row, now)); !appended) return fail(std::move(appended.error()));
    if (auto put = tx.put_request(row); !put) return put;
    return also ? also(tx) : Result<void>{};
  };
  Result<void> written = co_await seams_.ledger.run(durability, closure);
  if (written) changed(row, before);
  co_return written;
}

loop::Task<Result<void>> Book::write_observation(const Tenant &tenant, defender::MachineAction action) {
  struct Change {
    Change(RequestRow row_, State before_) : row(std::move(row_)), before(before_) {}
    RequestRow row;
    State before;
  };
  std::vector<Change> changes;
  const UtcTicks now = seams_.scheduler.clock().utc();
  const auto closure = [&](Tx &tx) -> Result<void> {
    Result<std::vector<RequestRow>> rows = tx.by_action_id(tenant.name, ActionId::trusted(action.id));
    if (!rows) return fail(std::move(rows.error()));
    for (RequestRow &row : *rows) {
      if (ledger::is_ended(row.state)) continue;
      const State before = row.state;
      const Json updated = row.document["updated_at"];
      const Json word = row.document["status"];
      observe(row, action, now);
      if (row.state == before && row.document["updated_at"] == updated && row.document["status"] == word) continue;
      if (auto appended = tx.append(state_record("state", row, now)); !appended)
        return fail(std::move(appended.error()));
      if (auto put = tx.put_request(row); !put) return put;
      changes.emplace_back(std::move(row), before);
    }
    return {};
  };
  Result<void> written = co_await seams_.ledger.run(Durability::Process, closure);
  if (written)
    for (const Change &change : changes) changed(change.row, change.before);
  co_return written;
}

}  // namespace cordon::response

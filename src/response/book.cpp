#include "response/book.hpp"

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

bool is_said_by_service(State state) {
  return is_held(state) || state == State::Succeeded || state == State::Failed || state == State::TimedOut ||
         state == State::Cancelled;
}

bool may_follow(State before, State after) {
  return !ledger::is_ended(before) && (!is_held(before) || is_said_by_service(after));
}

/// Applies the change to the ledger's row; true when it was written.
Result<bool> apply(Tx &tx, RequestRow &row, const RowChange &change, UtcTicks now) {
  Result<std::optional<RequestRow>> known = tx.request(row.id);
  if (!known) return fail(std::move(known.error()));
  if (!*known)
    return fail(Status::Ledger, "a request is missing in the ledger; run ledger_check and restore it from a backup");
  row = std::move(**known);
  RequestRow changed = row;
  Result<bool> wanted = change(tx, changed);
  if (!wanted) return wanted;
  if (!*wanted || !may_follow(row.state, changed.state)) return false;
  row = std::move(changed);
  if (auto appended = tx.append(state_record("state", row, now)); !appended) return fail(std::move(appended.error()));
  if (auto put = tx.put_request(row); !put) return fail(std::move(put.error()));
  return true;
}

}  // namespace

bool is_held(State state) {
  return state == State::Pending || state == State::InProgress;
}

bool needs_work(State state) {
  return state == State::Queued || state == State::Sending || state == State::Unknown;
}

ledger::Record state_record(const char *kind, const RequestRow &row, UtcTicks now) {
  return ledger::Record(kind, row.id, row.tenant, Json{{"action", row.document}}, now);
}

bool is_blocking(const RequestRow &row) {
  return bool_or(row.progress, "blocking", false);
}

void recall(Live &live) {
  if (live.recallable == nullptr || live.bytes_left) return;
  live.recalled = true;
  live.recallable->cancel(Status::NotSent);
}

void set_validity(RequestRow &row, nanoseconds validity) {
  row.progress["valid_ms"] = std::chrono::ceil<milliseconds>(validity).count();
}

nanoseconds validity_of(const RequestRow &row) {
  const auto known = row.progress.find("valid_ms");
  if (known == row.progress.end() || !known->is_number_integer()) return row.expires - row.created;
  return milliseconds(known->get<std::int64_t>());
}

void take_wishes(RequestRow &row, const RequestRow &wished) {
  if (wished.boot_id == row.boot_id && wished.deadline > row.deadline) {
    set_validity(row, std::max(validity_of(row), validity_of(wished)));
    row.deadline = wished.deadline;
    row.expires = wished.expires;
    row.document["expires_at"] = wished.expires.str();
  }
  if (is_blocking(row) && !is_blocking(wished)) row.progress["blocking"] = false;
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

void Book::tell(const RequestRow &row) {
  if (is_held(row.state) && on_in_flight_) on_in_flight_(row.tenant);
  news_.notify_all();
}

void Book::refresh(const RequestRow &row) {
  if (const LivePtr live = find(row.id)) {
    live->row = row;
    if (row.deadline > live->sending.deadline()) live->sending.set_deadline(row.deadline);
    live->changed.notify_all();
  }
  tell(row);
}

loop::Task<Result<bool>> Book::write(LivePtr live, RowChange change, Durability durability,
                                     std::function<Result<void>(Tx &)> also) {
  const UtcTicks now = seams_.scheduler.clock().utc();
  RequestRow row = live->row;
  const auto closure = [&row, &change, &also, now](Tx &tx) -> Result<bool> {
    Result<bool> applied = apply(tx, row, change, now);
    if (!applied || !also) return applied;
    if (auto done = also(tx); !done) return fail(std::move(done.error()));
    return applied;
  };
  Result<bool> written = co_await seams_.ledger.run(durability, closure);
  if (written) refresh(row);
  co_return written;
}

loop::Task<Result<void>> Book::write_observations(const Tenant &tenant, std::vector<defender::MachineAction> actions) {
  std::vector<RequestRow> changed;
  const UtcTicks now = seams_.scheduler.clock().utc();
  const auto closure = [&](Tx &tx) -> Result<void> {
    for (const defender::MachineAction &action : actions) {
      Result<std::vector<RequestRow>> rows = tx.by_action_id(tenant.name, ActionId::trusted(action.id));
      if (!rows) return fail(std::move(rows.error()));
      for (RequestRow &row : *rows) {
        if (ledger::is_ended(row.state) || !observe_news(row, action, now)) continue;
        if (auto appended = tx.append(state_record("state", row, now)); !appended)
          return fail(std::move(appended.error()));
        if (auto put = tx.put_request(row); !put) return put;
        changed.push_back(std::move(row));
      }
    }
    return {};
  };
  Result<void> written = co_await seams_.ledger.run(Durability::Process, closure);
  if (written)
    for (const RequestRow &row : changed) refresh(row);
  co_return written;
}

}  // namespace cordon::response

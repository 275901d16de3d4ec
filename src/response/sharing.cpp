#include "response/sharing.hpp"

#include <algorithm>

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::Tx;

constexpr std::size_t kChangesPerRead = 500;

}  // namespace

RequestRow taken_over(RequestRow row, const std::string &client, const Clock &clock) {
  row.owner = client;
  if (row.boot_id == clock.boot_id()) return row;
  row.boot_id = clock.boot_id();
  // The time of day may have been set back meanwhile: never longer than it was meant to last.
  row.deadline = clock.now() + std::min<nanoseconds>(row.expires - clock.utc(), validity_of(row));
  row.closed = clock.now();
  return row;
}

void Sharing::look() {
  again_ = true;
  if (running_) return;
  running_ = true;
  seams_.scheduler.spawn(run());
}

loop::Task<void> Sharing::run() {
  while (std::exchange(again_, false)) {
    Result<void> read = co_await read_changes();
    Result<void> taken = read;
    if (read) taken = co_await take_over();
    if (!taken)
      seams_.log.write(LogLevel::Warning, "what other clients of the ledger do could not be read",
                       {{"reason", std::string_view(taken.error().message)}});
  }
  running_ = false;
}

loop::Task<Result<void>> Sharing::read_changes() {
  while (true) {
    std::vector<ledger::Change> changes;
    std::int64_t cursor = cursor_;
    const auto read = [&changes, &cursor](Tx &tx) -> Result<void> {
      if (cursor < 0) return tx.newest_sequence().map([&](std::int64_t newest) { cursor = newest; });
      return tx.changes_after(cursor, kChangesPerRead).map([&](std::vector<ledger::Change> found) {
        changes = std::move(found);
      });
    };
    Result<void> done = co_await seams_.ledger.run(Durability::Read, read);
    if (!done) co_return done;
    std::set<RequestId> waited_for;
    std::set<std::string> tenants;
    bool hears = false;
    for (const ledger::Change &change : changes) {
      cursor = change.sequence;
      if (change.owner == seams_.ledger.owner()) continue;
      hears = hears || change.request.empty();
      if (!change.tenant.empty()) tenants.insert(change.tenant);
      if (!change.request.empty() && book_.find(change.request) != nullptr) waited_for.insert(change.request);
    }
    cursor_ = cursor;
    Result<void> refreshed = co_await refresh(std::move(waited_for));
    if (!refreshed) co_return refreshed;
    if (!changes.empty()) book_.news().notify_all();
    for (const std::string &tenant : tenants) follow_(tenant);
    if (hears) hear_();
    if (on_append_) on_append_(cursor);
    if (changes.size() < kChangesPerRead) co_return Result<void>();
  }
}

loop::Task<Result<void>> Sharing::refresh(std::set<RequestId> ids) {
  if (ids.empty()) co_return Result<void>();
  std::vector<RequestRow> rows;
  const auto read = [&ids, &rows](Tx &tx) -> Result<void> {
    for (const RequestId &id : ids) {
      Result<std::optional<RequestRow>> row = tx.request(id);
      if (!row) return fail(std::move(row.error()));
      if (*row) rows.push_back(std::move(**row));
    }
    return {};
  };
  Result<void> done = co_await seams_.ledger.run(Durability::Read, read);
  if (!done) co_return done;
  for (const RequestRow &row : rows) {
    book_.refresh(row);
    // Taken back by another client: whoever was to send it here need not wait for its turn.
    const LivePtr live = book_.find(row.id);
    if (live != nullptr && ledger::is_never_sent(row.state)) live->sending.cancel(Status::NotSent);
  }
  co_return Result<void>();
}

loop::Task<Result<void>> Sharing::take_over() {
  const Clock &clock = seams_.scheduler.clock();
  const std::string client = seams_.ledger.owner();
  // Looked up first without the ledger's lock: nearly always nobody has died.
  std::vector<std::string> dead;
  const auto find = [&](Tx &tx) -> Result<void> {
    Result<std::vector<std::string>> working = tx.working_owners();
    if (!working) return fail(std::move(working.error()));
    Result<std::vector<std::string>> clients = tx.clients();
    if (!clients) return fail(std::move(clients.error()));
    std::set<std::string> all(working->begin(), working->end());
    all.insert(clients->begin(), clients->end());
    for (const std::string &other : all)
      if (!seams_.ledger.is_owner_alive(other)) dead.push_back(other);
    return {};
  };
  Result<void> found = co_await seams_.ledger.run(Durability::Read, find);
  if (!found || dead.empty()) co_return found;

  std::vector<RequestRow> inherited;
  const auto claim = [&](Tx &tx) -> Result<void> {
    for (const std::string &other : dead) {
      ledger::RequestQuery query;
      query.live = true;
      query.owner = other;
      query.states = {ledger::State::Queued, ledger::State::Sending, ledger::State::Unknown};
      query.limit = 100'000;
      Result<std::vector<RequestRow>> rows = tx.requests(query);
      if (!rows) return fail(std::move(rows.error()));
      for (RequestRow &row : *rows) {
        if (tenant_named_(row.tenant) == nullptr) continue;
        if (auto trusted = ledger::distrust_unless_recorded(tx, row, clock.utc()); !trusted) return trusted;
        RequestRow ours = taken_over(std::move(row), client, clock);
        Json body = {{"from", other}};
        if (auto appended = tx.append(ledger::Record("takeover", ours.id, ours.tenant, std::move(body), clock.utc()));
            !appended)
          return fail(std::move(appended.error()));
        if (auto put = tx.put_request(ours); !put) return put;
        inherited.push_back(std::move(ours));
      }
      if (auto buried = tx.bury(other, clock.now()); !buried) return buried;
    }
    return {};
  };
  Result<void> claimed = co_await seams_.ledger.run(Durability::Process, claim);
  if (!claimed) co_return claimed;
  for (const RequestRow &row : inherited) {
    book_.refresh(row);
    inherit_(row);
  }
  book_.news().notify_all();  // leases are free
  co_return Result<void>();
}

}  // namespace cordon::response

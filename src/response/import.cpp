#include "response/import.hpp"

#include <algorithm>

#include "response/search.hpp"
#include "response/tracker.hpp"

namespace cordon::response {
namespace {

using defender::MachineAction;
using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

constexpr auto kLookBack = std::chrono::hours(24);
/// The list call is worth so much of a caller's time; with the ledger as old as its tenants it is made once ever.
constexpr auto kPatience = std::chrono::seconds(20);

constexpr auto kPause = std::chrono::minutes(1);  // after one that failed

std::string fact_of(const std::string &tenant) {
  return "imported/" + tenant;
}

/// Made by this application, as far as the service tells: a GUID, or our mark behind an application's name.
bool is_own(const Tenant &tenant, const MachineAction &action) {
  return action.requestor == tenant.client_id || is_marked(action);
}

}  // namespace

loop::Task<void> Import::ensure(std::shared_ptr<Tenant> tenant, loop::Scope &scope) {
  std::shared_ptr<State> &known = states_[tenant->name];
  if (known == nullptr) known = std::make_shared<State>(seams_.scheduler);
  const std::shared_ptr<State> state = known;
  while (state->running) {
    Result<void> waited = co_await state->changed.wait(scope);
    if (!waited) co_return;
  }
  if (state->done || seams_.scheduler.now() < state->again) co_return;
  struct Running {
    std::shared_ptr<State> state;
    ~Running() {
      state->running = false;
      state->changed.notify_all();
    }
  } const running{state};
  state->running = true;
  Result<void> imported = co_await run(tenant, scope);
  // Without the permission to read there is nothing to import; whatever else may pass.
  state->done = imported.has_value() || imported.error().status == Status::PermissionDenied;
  state->again = seams_.scheduler.now() + kPause;
  if (!imported)
    seams_.log.write(
        LogLevel::Warning, "what the service knows of earlier actions could not be read",
        {{"tenant", std::string_view(tenant->name)}, {"reason", std::string_view(imported.error().message)}});
}

loop::Task<Result<void>> Import::run(std::shared_ptr<Tenant> tenant, loop::Scope &scope) {
  const std::string fact = fact_of(tenant->name);
  const auto known = [&fact](Tx &tx) { return tx.get_meta(fact); };
  Result<std::optional<std::string>> before = co_await seams_.ledger.run(Durability::Read, known);
  if (!before) co_return fail(std::move(before.error()));
  if (*before) co_return Result<void>();

  const BootTime now_boot = seams_.scheduler.now();
  const nanoseconds left = scope.deadline() ? *scope.deadline() - now_boot : nanoseconds(kPatience);
  loop::Scope patience(seams_.scheduler, now_boot + std::min(nanoseconds(kPatience), left / 3), &scope);
  defender::ActionFilter filter;
  filter.created_since = seams_.scheduler.clock().utc() - kLookBack;
  filter.or_open = true;
  Result<std::vector<MachineAction>> listed =
      co_await reader_.actions(*tenant, std::move(filter), Lane::Normal, patience);
  if (!listed) co_return fail(std::move(listed.error()));
  std::vector<RequestRow> rows;
  bool shows_marks = false;
  for (const MachineAction &action : *listed) {
    if (!is_own(*tenant, action)) continue;
    shows_marks = shows_marks || is_marked(action);
    if (auto row = row_of(*tenant, action)) rows.push_back(std::move(*row));
  }
  // Oldest first, as they would have been recorded.
  std::reverse(rows.begin(), rows.end());
  const UtcTicks now = seams_.scheduler.clock().utc();
  std::vector<RequestRow> added;
  const auto write = [&](Tx &tx) -> Result<void> {
    for (RequestRow &row : rows) {
      Result<std::vector<RequestRow>> same = tx.by_action_id(row.tenant, row.action_id);
      if (!same) return fail(std::move(same.error()));
      Result<std::optional<RequestRow>> named = tx.request(row.id);
      if (!named) return fail(std::move(named.error()));
      if (!same->empty() || *named) continue;
      if (auto appended = tx.append(state_record("import", row, now)); !appended)
        return fail(std::move(appended.error()));
      if (auto put = tx.put_request(row); !put) return put;
      added.push_back(row);
    }
    if (shows_marks)
      if (auto put = tx.put_meta(echo_fact(tenant->name), "yes"); !put) return put;
    if (auto put = look_back_if_late(tx, tenant->name, now_boot, seams_.scheduler.now()); !put) return put;
    return tx.put_meta(fact, "yes");
  };
  Result<void> written = co_await seams_.ledger.run(Durability::Full, write);
  if (!written) co_return written;
  for (const RequestRow &row : added) book_.refresh(row);
  co_return Result<void>();
}

std::optional<RequestRow> Import::row_of(const Tenant &tenant, const MachineAction &action) const {
  const defender::Operation *operation = seams_.catalogue.by_action_type(action.type);
  const auto machine = MachineId::parse(action.machine_id);
  const auto action_id = ActionId::parse(action.id);
  if (operation == nullptr || !machine || !action_id) return std::nullopt;
  const Clock &clock = seams_.scheduler.clock();
  RequestRow row;
  // Our own request id comes back as the external id, if the service shows it.
  const auto own = is_marked(action) ? RequestId::parse(action.external_id) : fail(Status::NotFound, "");
  row.id = own ? *own : make_request_id(seams_.random);
  row.tenant = tenant.name;
  row.operation = operation->name;
  row.machine = *machine;
  row.parameters = defender::parameters_of(*operation, action);
  row.parameters["machine_id"] = machine->str();
  row.match_key = match_key(tenant.name, *operation, *machine, ActionId(), row.parameters);
  row.progress = Json{{"blocking", false}, {"imported", true}};
  row.created = row.updated = row.expires = clock.utc();
  row.owner = seams_.ledger.owner();
  row.boot_id = clock.boot_id();
  row.document = foreign_document(tenant, seams_.catalogue, action, clock.utc());
  row.document["request_id"] = row.id.str();
  row.document["adopted"] = !own.has_value();
  observe(row, action, clock.utc());
  return row;
}

}  // namespace cordon::response

#include "response/permit.hpp"

#include "response/halt.hpp"

namespace cordon::response {
namespace {

using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

/// Another request for the same device is on its way to the service: their order there would be left to chance.
Result<bool> is_device_busy(Tx &tx, const RequestRow &row) {
  if (row.machine.empty()) return false;
  return tx.is_sending_other(row.tenant, row.machine, row.id);
}

Result<void> mark_sending(Tx &tx, RequestRow &row, const PermitTerms &terms) {
  set_state(row, State::Sending, terms.clock->utc());
  row.progress["attempts"] = int_or(row.progress, "attempts", 0) + 1;
  if (terms.service_time.is_set()) row.progress["sent_after"] = terms.service_time.str();
  if (auto appended = tx.append(state_record("state", row, row.updated)); !appended)
    return fail(std::move(appended.error()));
  return tx.put_request(row);
}

}  // namespace

Lane lane_of(const RequestRow &row, const defender::Operation &operation) {
  if (row.lane == "urgent") return Lane::Urgent;
  if (operation.effect == defender::Effect::Release) return Lane::Undo;
  return row.lane == "bulk" ? Lane::Bulk : Lane::Normal;
}

Result<Permit> ask_permit(Tx &tx, RequestRow &row, const PermitTerms &terms, bool is_new) {
  if (!is_new) {
    Result<std::optional<RequestRow>> known = tx.request(row.id);
    if (!known) return fail(std::move(known.error()));
    if (!*known) return Permit(Permit::Kind::Gone);
    row = std::move(**known);
    if (row.state != State::Queued || row.owner != terms.client) return Permit(Permit::Kind::Gone);
  }
  if (terms.clock->now() >= row.deadline) return Permit(Permit::Kind::Late);
  Result<std::optional<Halt>> halt = halt_of(tx, row.tenant);
  if (!halt) return fail(std::move(halt.error()));
  if (*halt) {
    Permit halted(Permit::Kind::Halted);
    halted.reason = (*halt)->reason;
    return halted;
  }
  Result<bool> busy = is_device_busy(tx, row);
  if (!busy) return fail(std::move(busy.error()));
  if (*busy) return Permit(Permit::Kind::Busy);

  Result<ledger::QuotaAnswer> answer =
      tx.quota_take(terms.quota_key, terms.windows, is_privileged(terms.lane), terms.clock->now());
  if (!answer) return fail(std::move(answer.error()));
  Permit permit(answer->granted() ? Permit::Kind::Granted : Permit::Kind::Quota);
  permit.slot = answer->slot;
  permit.again = answer->again;
  if (answer->granted())
    if (auto marked = mark_sending(tx, row, terms); !marked) return fail(std::move(marked.error()));
  return permit;
}

}  // namespace cordon::response

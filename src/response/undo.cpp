#include "response/undo.hpp"

#include <fmt/format.h>

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::RequestRow;
using ledger::State;
using ledger::Tx;

bool is_forced(const RequestRow &row) {
  return bool_or(row.progress, "force_new", false);
}

bool is_adopted(const RequestRow &row) {
  return bool_or(row.document, "adopted", false);
}

std::string named(const RequestRow &row) {
  const std::string requestor = text_or(row.document, "requestor");
  return fmt::format("{} of this device, action {}{}{}", row.operation, row.action_id.str(),
                     requestor.empty() ? "" : ", requested by ", requestor);
}

}  // namespace

loop::Task<Result<void>> wait_for_news(Seams &seams, Book &book, loop::Scope &scope) {
  loop::Event &news = book.news();
  const loop::Timer nudge(seams.scheduler, seams.scheduler.now() + std::chrono::seconds(1),
                          [&news] { news.notify_all(); });
  co_return co_await news.wait(scope);
}

Result<std::optional<RequestRow>> opposite_before(Tx &tx, const defender::Catalogue &catalogue, const RequestRow &row,
                                                  const defender::Operation &operation) {
  if (row.machine.empty() || is_forced(row)) return std::nullopt;
  Result<std::vector<RequestRow>> rows = tx.live_on_device(row.tenant, row.machine);
  if (!rows) return fail(std::move(rows.error()));
  for (RequestRow &other : *rows) {
    if (other.id == row.id) break;  // what follows is younger
    const defender::Operation *known = catalogue.find(other.operation);
    if (known != nullptr && known->undo == operation.name) return std::move(other);
  }
  return std::nullopt;
}

Result<void> refuse_foreign_undo(Tx &tx, const RequestRow &row, const defender::Operation &operation) {
  if (operation.effect != defender::Effect::Release || row.machine.empty() || is_forced(row)) return {};
  Result<std::optional<RequestRow>> forward = tx.newest_sent(row.tenant, row.machine, operation.undo);
  if (!forward) return fail(std::move(forward.error()));
  if (!*forward || !is_adopted(**forward)) return {};
  const State state = (*forward)->state;
  if (!is_held(state) && state != State::Succeeded) return {};
  Error error(Status::RefusedByPolicy,
              fmt::format("rule adopted_containment: the {} was made by somebody else and only adopted here; pass "
                          "force_new to reverse it all the same",
                          named(**forward)));
  error.request_id = (*forward)->id.str();
  error.action_id = (*forward)->action_id.str();
  return fail(std::move(error));
}

loop::Task<Result<void>> UndoOrder::clear_way(LivePtr undo) {
  if (undo->operation->effect != defender::Effect::Release) co_return Result<void>();
  std::set<RequestId> cancelled;
  while (true) {
    if (undo->sending.reason()) co_return fail(undo->sending.error("waiting for the action that this one reverses"));
    const auto read = [this, &undo](Tx &tx) {
      return opposite_before(tx, seams_.catalogue, undo->row, *undo->operation);
    };
    Result<std::optional<RequestRow>> before = co_await seams_.ledger.run(Durability::Read, read);
    if (!before) co_return fail(std::move(before.error()));
    if (!*before) co_return Result<void>();
    RequestRow forward = std::move(**before);
    Result<void> settled = co_await settle(undo, std::move(forward), cancelled);
    if (!settled) co_return settled;
  }
}

/// One step towards the end of what is before the undo.
loop::Task<Result<void>> UndoOrder::settle(LivePtr undo, RequestRow forward, std::set<RequestId> &cancelled) {
  if (forward.state == State::Queued) {
    Result<void> withdrawn = co_await withdraw(undo, forward);
    if (!withdrawn) co_return withdrawn;
  } else if (is_held(forward.state) && cancelled.insert(forward.id).second) {
    Result<void> asked = co_await cancel_(undo, std::move(forward));
    if (!asked) co_return asked;
  }
  co_return co_await wait_for_news(seams_, book_, undo->sending);
}

/// Takes back what is not on its way yet; its sender, whoever that is, asks the ledger before it sends.
loop::Task<Result<void>> UndoOrder::withdraw(LivePtr undo, const RequestRow &forward) {
  const UtcTicks now = seams_.scheduler.clock().utc();
  const std::string text = fmt::format("withdrawn: {} was asked for (request {}) before it was sent",
                                       undo->operation->name, undo->row.id.str());
  LivePtr live = book_.find(forward.id);
  if (live == nullptr) {
    const defender::Operation *operation = seams_.catalogue.find(forward.operation);
    live = std::make_shared<Live>(seams_.scheduler, undo->tenant, *operation, forward);
  }
  RowChange change = [&text, now](Tx &, RequestRow &row) -> Result<bool> {
    if (row.state != State::Queued) return false;
    row.document["error_text"] = text;
    set_state(row, State::Withdrawn, now);
    return true;
  };
  Result<bool> written = co_await book_.write(live, std::move(change), Durability::Full);
  if (!written) co_return fail(std::move(written.error()));
  if (*written) live->sending.cancel(Status::NotSent);
  co_return Result<void>();
}

}  // namespace cordon::response

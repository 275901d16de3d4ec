#include "response/reader.hpp"

#include <set>

namespace cordon::response {
namespace {

using ledger::Durability;
using ledger::Tx;

constexpr int kMaxAttempts = 4;
constexpr milliseconds kDefaultRetryAfter{60'000};  // what integrations wait without the header (mde-api §9)

loop::Task<void> write_slot_end(Seams &seams, std::int64_t slot, BootTime ended) {
  const auto closure = [slot, ended](Tx &tx) { return tx.quota_end(slot, ended); };
  // A slot that could not be given back stays occupied: slower, never too fast.
  (void)co_await seams.ledger.run(Durability::Process, closure);
}

loop::Task<void> write_cool_down(Seams &seams, std::string key, BootTime now, BootTime until) {
  const auto closure = [key, now, until](Tx &tx) { return tx.quota_cool(key, now, until); };
  (void)co_await seams.ledger.run(Durability::Process, closure);
}

}  // namespace

BootTime unused_slot_end(BootTime now) {
  return now - std::chrono::hours(24 * 365);
}

BootTime slot_end(const http::Exchange &exchange) {
  if (!exchange.response && !exchange.sent) return unused_slot_end(exchange.ended);
  return exchange.response ? exchange.ended : exchange.ended + ledger::kQuotaLinger;
}

void end_slot(Seams &seams, std::int64_t slot, const http::Exchange &exchange) {
  seams.scheduler.spawn(write_slot_end(seams, slot, slot_end(exchange)));
}

void cool_down(Seams &seams, const std::string &quota_key, milliseconds retry_after) {
  const BootTime now = seams.scheduler.now();
  const BootTime until = now + (retry_after.count() < 0 ? kDefaultRetryAfter : retry_after);
  seams.quota.refuse_until(quota_key, until);
  seams.scheduler.spawn(write_cool_down(seams, quota_key, now, until));
}

loop::Task<Result<std::int64_t>> Reader::take_slot(const Tenant &tenant, std::string quota_class, Lane lane,
                                                   loop::Scope &scope) {
  const std::string key = tenant.quota_key(quota_class);
  const ledger::QuotaWindows &windows = tenant.quota.at(quota_class);
  const QuotaGate::Ask ask = [&]() -> loop::Task<Result<ledger::QuotaAnswer>> {
    return seams_.ledger.run(Durability::Process,
                             [&](Tx &tx) { return tx.quota_take(key, windows, false, seams_.scheduler.now()); });
  };
  co_return co_await seams_.quota.acquire(key, lane, scope, ask);
}

loop::Task<Result<Json>> Reader::get(Tenant &tenant, const defender::Operation *operation, http::Request request,
                                     std::string quota_class, Lane lane, loop::Scope &scope) {
  const defender::CallContext context(operation, tenant.name);
  Backoff backoff(milliseconds(500), milliseconds(8'000));
  bool token_replaced = false;
  for (int attempt = 1;; ++attempt) {
    if (tenant.retired()) co_return fail(tenant_left(tenant));
    Result<identity::SharedToken> token = co_await tenant.tokens->get(scope);
    if (!token) co_return fail(tenant.retired() ? tenant_left(tenant) : std::move(token.error()));
    Result<std::int64_t> slot = co_await take_slot(tenant, quota_class, lane, scope);
    if (!slot) co_return fail(std::move(slot.error()));
    if (tenant.tokens->fresh() != *token) {  // refused or at its end, while this one waited in the line
      Result<identity::SharedToken> renewed = co_await tenant.tokens->get(scope);
      if (!renewed) {
        seams_.scheduler.spawn(write_slot_end(seams_, *slot, unused_slot_end(seams_.scheduler.now())));
        co_return fail(std::move(renewed.error()));
      }
      token = std::move(renewed);
    }

    request.bearer = &(*token)->value;
    loop::Scope answer(seams_.scheduler, seams_.scheduler.now() + timing_.answer_timeout, &scope);
    const http::Exchange exchange = co_await seams_.transport.send(request, answer);
    end_slot(seams_, *slot, exchange);
    if (exchange.response) tenant.note_service_time(defender::service_date(*exchange.response));
    if (scope.reason() && !exchange.response) co_return fail(scope.error("reading from the service"));

    Result<Json> document = defender::interpret_read(exchange, context);
    if (document) co_return document;
    Error &error = document.error();
    milliseconds wait = backoff.next();
    if (exchange.response && exchange.response->status == 401 && !token_replaced) {
      token_replaced = true;
      tenant.tokens->reject(*token);
      continue;
    }
    if (error.status == Status::RateLimited) {
      cool_down(seams_, tenant.quota_key(quota_class), milliseconds(error.retry_after_ms));
      if (attempt < kMaxAttempts) continue;  // the gate waits, or says at once that the deadline comes first
    }
    if (!error.retryable || attempt == kMaxAttempts) co_return document;
    if (scope.deadline() && *scope.deadline() < seams_.scheduler.now() + wait) co_return document;
    Result<void> slept = co_await loop::sleep_until(seams_.scheduler.now() + wait, scope);
    if (!slept) co_return fail(std::move(slept.error()));
  }
}

loop::Task<Result<defender::MachineAction>> Reader::action(Tenant &tenant, std::string action_id, Lane lane,
                                                           loop::Scope &scope) {
  const defender::Operation *operation = seams_.catalogue.find("get_action");
  const defender::Call call(*operation, Json{{"action_id", action_id}});
  http::Request request = defender::build_request(tenant.cloud.api, call);
  Result<Json> document = co_await get(tenant, operation, std::move(request), operation->quota_class, lane, scope);
  if (!document) co_return fail(std::move(document.error()));
  co_return defender::parse_action(*document);
}

loop::Task<Result<std::vector<defender::MachineAction>>> Reader::actions(Tenant &tenant, defender::ActionFilter filter,
                                                                         Lane lane, loop::Scope &scope) {
  const defender::Operation *operation = seams_.catalogue.find("list_actions");
  std::vector<defender::MachineAction> found;
  std::set<std::string> seen;
  filter.top = kPageRows;
  filter.skip = 0;
  while (true) {
    http::Request request = defender::build_get(tenant.cloud.api, defender::action_list_target(filter));
    Result<Json> document = co_await get(tenant, operation, std::move(request), operation->quota_class, lane, scope);
    if (!document) co_return fail(std::move(document.error()));
    Result<defender::MachineActionPage> page = defender::parse_action_list(*document);
    if (!page) co_return fail(std::move(page.error()));
    // With $top the service is known to send no link (mde-api §6): then a short page is the last one. With a link it
    // has cut the page itself. Rows that arrive meanwhile shift the pages, hence the set.
    const auto rows = static_cast<std::int64_t>(page->actions.size());
    for (defender::MachineAction &action : page->actions)
      if (seen.insert(action.id).second) found.push_back(std::move(action));
    if (rows < kPageRows && page->next_link.empty()) co_return found;
    if (rows == 0)
      co_return fail(Status::InvalidResponse, "the service's list of machine actions goes on behind an empty page");
    filter.skip += rows;
  }
}

}  // namespace cordon::response

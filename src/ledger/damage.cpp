#include "ledger/damage.hpp"

#include <fmt/format.h>

#include "ledger/checkpoint.hpp"
#include "ledger/ledger.hpp"

namespace cordon::ledger {
namespace {

/// Whether what the journal lost may have been about this request.
bool may_have_lost(const Damage &damage, std::int64_t rests_on) {
  return damage.end_lost || (damage.first_bad != 0 && rests_on >= damage.first_bad);
}

/// Nobody knows any more whether it was sent: from now on it is looked for and never sent blindly.
Result<void> make_unknown(Tx &tx, RequestRow &row, const std::string &why, UtcTicks now) {
  row.state = State::Unknown;
  row.updated = now;
  row.document["state"] = state_name(row.state);
  row.document["error_text"] = fmt::format(
      "the ledger was damaged and what it says about this request can't be relied on ({}); it is looked for at the "
      "service and not sent",
      why);
  const Record record("state", row.id, row.tenant, Json{{"action", row.document}}, now);
  return tx.append(record).and_then([&](std::int64_t) { return tx.put_request(row); });
}

Result<void> distrust(Tx &tx, const Damage &damage, RequestRow row, UtcTicks now) {
  const auto rests_on = tx.last_record(row.id);
  if (!rests_on) return tl::unexpected(rests_on.error());
  return may_have_lost(damage, *rests_on) ? make_unknown(tx, row, damage.text, now)
                                          : distrust_unless_recorded(tx, row, now);
}

}  // namespace

Result<void> distrust_unless_recorded(Tx &tx, RequestRow &row, UtcTicks now) {
  if (row.state != State::Queued && row.state != State::Sending) return {};
  const auto differs = tx.check_request(row);
  if (!differs) return tl::unexpected(differs.error());
  return differs->empty() ? Result<void>() : make_unknown(tx, row, *differs, now);
}

Result<void> Ledger::check_at_open(Tx &tx) {
  const auto damage = tx.check_end();
  if (!damage) return tl::unexpected(damage.error());
  if (damage->found()) {
    {
      const std::lock_guard lock(mutex_);
      damage_ = damage->text;
    }
    const Record record(kDamageKind, RequestId(), "", Json{{"text", damage->text}}, clock_.utc());
    if (auto told = tx.append(record); !told) return tl::unexpected(std::move(told.error()));
  }
  RequestQuery unsent;
  unsent.states = {State::Queued, State::Sending};
  unsent.live = true;
  for (;;) {
    const auto rows = tx.requests(unsent);
    if (!rows) return tl::unexpected(rows.error());
    for (const RequestRow &row : *rows) {
      if (is_owner_alive(row.owner)) continue;  // who lives knows it better than the ledger
      if (auto done = distrust(tx, *damage, row, clock_.utc()); !done) return done;
    }
    if (rows->size() < unsent.limit) return {};
    unsent.after = rows->back().id;
  }
}

}  // namespace cordon::ledger

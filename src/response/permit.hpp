#pragma once

#include <string>

#include "response/book.hpp"

namespace cordon::response {

/// What stands between a queued request and the wire.
struct Permit {
  enum class Kind {
    Granted,  ///< the row is marked as sending, the slot is taken
    Quota,    ///< no slot before `again`
    Busy,     ///< another request for the device is being sent
    Halted,   ///< sending was stopped; `reason` says why
    Gone,     ///< it is not queued any more, or not this client's: the row shows
    Late,     ///< its time is over
  };
  Permit() = default;
  explicit Permit(Kind kind_) : kind(kind_) {}
  Kind kind = Kind::Gone;
  std::int64_t slot = 0;
  BootTime again{};
  std::string reason;
};

/// On whose behalf a permit is asked for.
struct PermitTerms {
  PermitTerms(const Tenant &tenant, const defender::Operation &operation, Lane lane_, std::string client_,
              const Clock &clock_)
      : quota_key(tenant.quota_key(operation.quota_class)),
        windows(tenant.quota.at(operation.quota_class)),
        service_time(tenant.newest_service_time()),
        lane(lane_),
        client(std::move(client_)),
        clock(&clock_) {}
  std::string quota_key;
  ledger::QuotaWindows windows;
  UtcTicks service_time;  ///< certainly past when the request leaves; unset: none is known
  Lane lane;
  std::string client;  ///< the one that asks
  const Clock *clock;
};

/// Decides in one transaction, and marks `row` as sending when all is well. `row` is brought up to date from the ledger
/// unless it `is_new`, that is, not in it yet.
Result<Permit> ask_permit(ledger::Tx &tx, ledger::RequestRow &row, const PermitTerms &terms, bool is_new);

/// The lane of a request; undo goes before what is merely wanted.
Lane lane_of(const ledger::RequestRow &row, const defender::Operation &operation);

/// Urgent requests and undo may use the whole of a window.
inline bool is_privileged(Lane lane) {
  return lane == Lane::Urgent || lane == Lane::Undo;
}

}  // namespace cordon::response

#pragma once

#include <string>
#include <vector>

#include "defender/action.hpp"
#include "defender/odata.hpp"
#include "defender/rest.hpp"
#include "response/seams.hpp"
#include "response/tenant.hpp"

namespace cordon::response {

/// Reads at the service: quota, token, one GET; a rejected token is replaced once, a throttled or failed read is
/// repeated with back-off while the scope allows, for a read may be repeated. [loop]
class Reader {
 public:
  Reader(Seams &seams, const Timing &timing) : seams_(seams), timing_(timing) {}

  /// The document at `target` (path and query). `operation` is named in errors; nullptr for a look-up of our own.
  /// `quota_class` and `lane` say which budget pays and how urgent it is.
  loop::Task<Result<Json>> get(Tenant &tenant, const defender::Operation *operation, http::Request request,
                               std::string quota_class, Lane lane, loop::Scope &scope);

  loop::Task<Result<defender::MachineAction>> action(Tenant &tenant, std::string action_id, Lane lane,
                                                     loop::Scope &scope);

  /// Every action that fits, page by page, de-duplicated by id: complete or an error. `filter.top` and `skip` are set
  /// here.
  loop::Task<Result<std::vector<defender::MachineAction>>> actions(Tenant &tenant, defender::ActionFilter filter,
                                                                   Lane lane, loop::Scope &scope);

  static constexpr std::int64_t kPageRows = 1000;

 private:
  loop::Task<Result<std::int64_t>> take_slot(const Tenant &tenant, std::string quota_class, Lane lane,
                                             loop::Scope &scope);

  Seams &seams_;
  const Timing &timing_;
};

/// Gives a slot back without waiting for the ledger. `ended` as for Tx::quota_end.
void end_slot(Seams &seams, std::int64_t slot, const http::Exchange &exchange);
/// The service said 429: keeps everybody off the budget for `retry_after`.
void cool_down(Seams &seams, const std::string &quota_key, milliseconds retry_after);
/// When a slot's use ended, by how its exchange ended: answer received, or connection closed + 30 s; long ago when no
/// byte of the request left.
BootTime slot_end(const http::Exchange &exchange);
/// The end of a slot that was taken and never used: it counts in no window.
BootTime unused_slot_end(BootTime now);

/// Waiting times between repeated attempts: doubling from `first`, at most `longest`.
class Backoff {
 public:
  Backoff(milliseconds first, milliseconds longest) : next_(first), longest_(longest) {}
  milliseconds next() {
    const milliseconds now = next_;
    next_ = std::min(next_ * 2, longest_);
    return now;
  }

 private:
  milliseconds next_;
  milliseconds longest_;
};

}  // namespace cordon::response

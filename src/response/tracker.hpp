#pragma once

#include <map>
#include <memory>
#include <string>

#include "response/book.hpp"

namespace cordon::response {

/// Learns the end of everything in flight by one list call per tenant and interval, however many actions there are:
/// whatever changed since the newest change seen so far. Falls back to lists of ids where the service refuses that
/// filter. A tracked action is a row in the ledger, not a coroutine. [loop]
class Tracker {
 public:
  Tracker(Seams &seams, const Timing &timing, Book &book, Reader &reader, loop::Scope &life, TenantNamed tenant_named)
      : seams_(seams),
        timing_(timing),
        book_(book),
        reader_(reader),
        life_(life),
        tenant_named_(std::move(tenant_named)) {}

  /// Sees to it that the tenant's actions are followed for as long as some are in flight and it is configured.
  void follow(const std::string &tenant);

 private:
  struct Watch {
    UtcTicks high_water;  ///< newest update seen, service time; at first, when the oldest action in flight was made
    bool by_id = false;   ///< the service refuses the filter by update
    bool running = false;
  };
  loop::Task<void> run(std::string name);
  loop::Task<Result<void>> look(const Tenant &tenant, Watch &watch);
  loop::Task<Result<UtcTicks>> oldest_in_flight(const Tenant &tenant);
  loop::Task<Result<void>> look_by_update(const Tenant &tenant, Watch &watch);
  loop::Task<Result<void>> look_by_id(const Tenant &tenant);

  Seams &seams_;
  const Timing &timing_;
  Book &book_;
  Reader &reader_;
  loop::Scope &life_;
  TenantNamed tenant_named_;
  std::map<std::string, Watch> watches_;
};

}  // namespace cordon::response

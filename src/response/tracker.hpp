#pragma once

#include <map>
#include <memory>
#include <string>

#include "response/book.hpp"
#include "response/reader.hpp"

namespace cordon::response {

/// Learns the end of everything in flight by one list call per tenant and interval, however many actions there are and
/// whichever client sent them: one client holds the lease and asks the service, the others read the ledger. Each look
/// lists what has changed since the newest change seen; now and then all that is open is listed, and whatever of ours
/// is missing there is asked for by id. Where the service refuses a filter, ids are asked for instead. A tracked action
/// is a row in the ledger, not a coroutine. [loop]
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
    bool wanted = false;  ///< follow() was called since the last count
    int looks = 0;        ///< since all that is open was listed
  };
  struct Turn;
  loop::Task<void> run(std::string name);
  loop::Task<Result<Turn>> take_turn(const std::string &name);
  loop::Task<Result<void>> wait_for_turn(BootTime until);
  loop::Task<Result<void>> look(std::shared_ptr<Tenant> tenant, Watch &watch);
  loop::Task<Result<bool>> must_look_back(const std::string &tenant);
  loop::Task<Result<UtcTicks>> oldest_in_flight(const std::string &tenant);
  loop::Task<Result<void>> look_by_update(Tenant &tenant, Watch &watch);
  loop::Task<Result<void>> look_by_id(Tenant &tenant);
  loop::Task<Result<void>> look_for_missed(Tenant &tenant);
  loop::Task<Result<void>> ask_by_id(Tenant &tenant, std::vector<std::string> ids);
  loop::Task<Result<std::vector<defender::MachineAction>>> ask_one_by_one(Tenant &tenant, std::vector<std::string> ids);
  loop::Task<Result<bool>> is_news(const std::string &tenant, const defender::MachineAction &action);
  loop::Task<Result<void>> record(Tenant &tenant, std::vector<defender::MachineAction> actions);

  Seams &seams_;
  const Timing &timing_;
  Book &book_;
  Reader &reader_;
  loop::Scope &life_;
  TenantNamed tenant_named_;
  std::map<std::string, Watch> watches_;
};

/// How long to wait between two looks at so many actions: more of them make each look larger, so that the share of
/// reads in the quota stays small.
milliseconds track_interval(const Timing &timing, std::int64_t in_flight);

/// In the transaction that first records the request's action: writes what the service said of it, and looks back if
/// that is late. `adopted`: another one has made it. True, for a RowChange.
Result<bool> begin_following(ledger::Tx &tx, ledger::RequestRow &row, const defender::MachineAction &action,
                             bool adopted, BootTime asked, const Clock &clock);

/// For the transaction that first records an action as being in flight. `asked`: when the call began whose answer told
/// of it. If that was long ago, whoever follows the tenant may have listed and passed over what has become of it
/// meanwhile: his next look begins at the oldest action in flight again.
Result<void> look_back_if_late(ledger::Tx &tx, const std::string &tenant, BootTime asked, BootTime now);

}  // namespace cordon::response

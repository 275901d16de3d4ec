#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "response/document.hpp"
#include "response/reader.hpp"
#include "response/seams.hpp"

namespace cordon::response {

/// A request that somebody works on or waits for. The ledger's row is the truth; this is its copy on the loop.
struct Live {
  Live(loop::Scheduler &scheduler, std::shared_ptr<Tenant> tenant_, const defender::Operation &operation_,
       ledger::RequestRow row_)
      : tenant(std::move(tenant_)),
        operation(&operation_),
        row(std::move(row_)),
        changed(scheduler),
        sending(scheduler, row.deadline) {}

  std::shared_ptr<Tenant> tenant;
  const defender::Operation *operation;
  ledger::RequestRow row;
  loop::Event changed;         ///< after each committed change of `row` or of the flags below
  loop::Scope sending;         ///< of the submission, until the request's time has passed; cancelled to take it back
  std::optional<Error> error;  ///< why it was refused or not sent
  bool bytes_left = false;     ///< of the attempt under way: it may be at the service
  bool given_up = false;       ///< an unknown outcome was looked for, or could not be recorded: waiting is no use
  int attending = 0;           ///< submissions and looks that work on it: at most one, and its successor
  int holders = 0;             ///< blocking calls that may take it back; an asynchronous request has one for ever
};
using LivePtr = std::shared_ptr<Live>;

/// Marks a request as being worked on, to the end of that work, however it ends.
class Attendance {
 public:
  explicit Attendance(LivePtr live) : live_(std::move(live)) { ++live_->attending; }
  ~Attendance() {
    --live_->attending;
    live_->changed.notify_all();
  }
  Attendance(const Attendance &) = delete;
  Attendance &operator=(const Attendance &) = delete;

 private:
  LivePtr live_;
};

/// Keeps requests: every change goes to the journal and the row in one transaction, then to whoever waits. Counts what
/// is in flight, per tenant. [loop]
class Book {
 public:
  explicit Book(Seams &seams) : seams_(seams) {}

  /// The copy of this row, shared with all others who work on it; made when there is none.
  LivePtr enter(std::shared_ptr<Tenant> tenant, const defender::Operation &operation, ledger::RequestRow row);
  LivePtr find(const RequestId &id) const;
  void for_each(const std::function<void(Live &)> &visit) const;

  /// Writes the changed row with a record of it, and in the same transaction whatever `also` writes; then tells the
  /// waiters. Full: before a byte leaves, or before a caller is told that none will. What callers who joined meanwhile
  /// asked for (see keep_wishes) stays.
  loop::Task<Result<void>> write(LivePtr live, ledger::RequestRow row, ledger::Durability durability,
                                 std::function<Result<void>(ledger::Tx &)> also = {});
  /// What the service said about an action, for every request that points at it.
  loop::Task<Result<void>> write_observation(const Tenant &tenant, defender::MachineAction action);

  /// Requests the service holds and whose end is not known.
  std::int64_t in_flight(const std::string &tenant) const;
  /// Called when a tenant has something in flight that it did not have before.
  void set_on_in_flight(std::function<void(const std::string &tenant)> callback) {
    on_in_flight_ = std::move(callback);
  }
  void note_recovered(const std::string &tenant, std::int64_t in_flight);
  /// A row changed in a transaction of somebody else's: counts and wakes.
  void changed(const ledger::RequestRow &row, ledger::State before);

 private:
  Seams &seams_;
  std::map<RequestId, std::weak_ptr<Live>> live_;
  std::size_t sweep_at_ = 64;  // entries at which the expired ones are dropped
  std::map<std::string, std::int64_t> in_flight_;
  std::function<void(const std::string &)> on_in_flight_;
};

/// Whoever joins a request may want it for longer, or without waiting for it: takes that over from `known`.
void take_wishes(ledger::RequestRow &row, const ledger::RequestRow &known);
/// The same from the ledger's row: somebody may have joined since the copy was taken.
Result<void> keep_wishes(ledger::Tx &tx, ledger::RequestRow &row);

/// True for a request that is wanted by callers who wait for it, and by nobody else.
bool is_blocking(const ledger::RequestRow &row);

/// The journal record of a row's new state.
ledger::Record state_record(const char *kind, const ledger::RequestRow &row, UtcTicks now);

}  // namespace cordon::response

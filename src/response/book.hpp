#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
        wanted(scheduler),
        sending(scheduler, row.deadline) {}

  std::shared_ptr<Tenant> tenant;
  const defender::Operation *operation;
  ledger::RequestRow row;
  loop::Event changed;         ///< after each committed change of `row` or of the flags below
  loop::Event wanted;          ///< somebody asks for it while its outcome is unknown
  loop::Scope sending;         ///< of the submission, until the request's time has passed; cancelled to take it back
  std::optional<Error> error;  ///< why it was refused or not sent
  bool bytes_left = false;     ///< of the attempt under way: it may be at the service
  bool given_up = false;       ///< an unknown outcome was looked for, or could not be recorded: waiting is no use
  loop::Scope *recallable = nullptr;  ///< of what a marked request waits for before its first byte may leave
  bool recalled = false;              ///< it was called back from there: it waits in the queue again
  int attending = 0;                  ///< submissions and looks that work on it: at most one, and its successor
  int holders = 0;  ///< blocking calls that may take it back; an asynchronous request has one for ever
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

/// Marks `scope` as what recall() ends, as long as it lives.
class Recallable {
 public:
  Recallable(LivePtr live, loop::Scope &scope) : live_(std::move(live)) {
    live_->recallable = &scope;
    live_->recalled = false;
  }
  ~Recallable() { live_->recallable = nullptr; }
  Recallable(const Recallable &) = delete;
  Recallable &operator=(const Recallable &) = delete;

 private:
  LivePtr live_;
};

/// Calls a request back into the queue that is marked as being sent, if no byte of it has left.
void recall(Live &live);

/// Changes a request's row, given as the ledger has it at this moment. False: it has gone on meanwhile, and nothing is
/// to be changed any more.
using RowChange = std::function<Result<bool>(ledger::Tx &, ledger::RequestRow &)>;

/// Keeps requests: every change goes to the journal and the row in one transaction, then to whoever waits. Other
/// clients change rows too; what they wrote comes here by refresh(). [loop]
class Book {
 public:
  explicit Book(Seams &seams) : seams_(seams), news_(seams.scheduler) {}

  /// The copy of this row, shared with all others who work on it; made when there is none.
  LivePtr enter(std::shared_ptr<Tenant> tenant, const defender::Operation &operation, ledger::RequestRow row);
  LivePtr find(const RequestId &id) const;
  void for_each(const std::function<void(Live &)> &visit) const;

  /// Applies `change` with a record of it, and in the same transaction, whether or not it applied, whatever `also`
  /// writes; then tells the waiters. Full: before a byte leaves, or before a caller is told that none will. False: the
  /// row had gone on; `live` shows how. A request that has ended never changes, and one that the service holds only
  /// as the service says.
  loop::Task<Result<bool>> write(LivePtr live, RowChange change, ledger::Durability durability,
                                 std::function<Result<void>(ledger::Tx &)> also = {});
  /// What the service said about actions, for every request that points at one of them. One transaction.
  loop::Task<Result<void>> write_observations(const Tenant &tenant, std::vector<defender::MachineAction> actions);

  /// Called when the service holds something of a tenant that it did not hold before.
  void set_on_in_flight(std::function<void(const std::string &tenant)> callback) {
    on_in_flight_ = std::move(callback);
  }
  /// A row was changed in a transaction of somebody else's: brings its copy up to date and wakes.
  void refresh(const ledger::RequestRow &row);
  /// Rung at each change, here or by another client, of whatever request.
  loop::Event &news() { return news_; }

  /// What became of one of this client's requests could not be recorded, and nobody works on it now.
  struct Left {
    explicit Left(ledger::RequestRow row_, std::int64_t slot_ = 0, BootTime ended_ = {})
        : row(std::move(row_)), slot(slot_), ended(ended_) {}
    ledger::RequestRow row;
    std::int64_t slot;  ///< of the quota, whose use ended at `ended`; 0: none is still to be given back
    BootTime ended;
    std::optional<Status> stopped_by;  ///< no byte of it left, and none is wanted to
  };
  void leave(Left left) { left_.push_back(std::move(left)); }
  /// What was left since the last call: it has to be taken up again.
  std::vector<Left> take_left() { return std::exchange(left_, {}); }

 private:
  void tell(const ledger::RequestRow &row);

  Seams &seams_;
  std::map<RequestId, std::weak_ptr<Live>> live_;
  std::size_t sweep_at_ = 64;  // entries at which the expired ones are dropped
  std::function<void(const std::string &)> on_in_flight_;
  loop::Event news_;
  std::vector<Left> left_;
};

/// The service holds it and has not ended it.
bool is_held(ledger::State state);
/// Somebody has to bring it to the service, or to find it there.
bool needs_work(ledger::State state);

/// For how long the request was wanted by whoever wanted it for longest, counted from when they asked. The difference
/// of its times of day says less: they are those of clocks that may have been set between them.
void set_validity(ledger::RequestRow &row, nanoseconds validity);
nanoseconds validity_of(const ledger::RequestRow &row);

/// Whoever joins a request may want it for longer, or without waiting for it: takes that over from `wished`.
void take_wishes(ledger::RequestRow &row, const ledger::RequestRow &wished);

/// True for a request that is wanted by callers who wait for it, and by nobody else.
bool is_blocking(const ledger::RequestRow &row);

/// The journal record of a row's new state.
ledger::Record state_record(const char *kind, const ledger::RequestRow &row, UtcTicks now);

}  // namespace cordon::response

#pragma once

#include <map>
#include <memory>
#include <string>

#include "loop/activity.hpp"
#include "response/match.hpp"

namespace cordon::response {

/// Lets one request per tenant and device be submitted at a time, in the order of arrival. [loop]
class DeviceTurns {
 public:
  explicit DeviceTurns(loop::Scheduler &scheduler) : scheduler_(scheduler) {}

  class Turn {
   public:
    Turn(DeviceTurns &turns, std::string device);
    ~Turn();
    Turn(const Turn &) = delete;
    Turn &operator=(const Turn &) = delete;
    /// True when nobody is before it.
    bool first() const;
    loop::Task<Result<void>> wait(loop::Scope &scope);

   private:
    friend class DeviceTurns;
    DeviceTurns &turns_;
    std::string device_;
    loop::Event first_;
  };

 private:
  loop::Scheduler &scheduler_;
  std::map<std::string, std::vector<Turn *>> lines_;
};

/// The key of a request's line.
std::string device_key(const ledger::RequestRow &row);

/// Brings requests to the service: turn, token, quota, one POST, and what its end means (mde-api §13). Each runs as a
/// task of its own, independent of who asked; it ends with the request refused, not sent, unknown or held by the
/// service. While one works on a request, Live::attending tells. [loop]
class Submission {
 public:
  Submission(Seams &seams, const Timing &timing, Book &book, Reader &reader, loop::Scope &life)
      : seams_(seams),
        timing_(timing),
        book_(book),
        reader_(reader),
        life_(life),
        turns_(seams.scheduler),
        sending_(seams.scheduler) {}

  /// The place of a new request in its device's line.
  std::unique_ptr<DeviceTurns::Turn> turn(const ledger::RequestRow &row);
  /// Sends a queued request; `slot` is the quota slot when the request is already marked as sending, else 0.
  void start(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot);
  /// Looks for a request whose outcome is unknown, `settle` after `from`, when its connection was closed. One that is
  /// still marked as being sent was left so by a sender that is gone, and becomes unknown first.
  void start_look(LivePtr live, BootTime from);

  /// From now on an attempt that came to nothing is not repeated.
  void stop() { stopping_ = true; }

  /// True when a token is at hand and nobody waits for the quota.
  bool may_send_at_once(const Tenant &tenant, const defender::Operation &operation) const;
  /// Attempts on the wire, with the recording of what became of them.
  loop::Activity &sending() { return sending_; }

 private:
  loop::Task<void> run(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot);
  loop::Task<Result<void>> attempt_until_decided(LivePtr live, std::int64_t &slot);
  loop::Task<Result<std::int64_t>> take_slot(LivePtr live);
  loop::Task<Result<void>> back_to_queue(LivePtr live, std::int64_t slot, BootTime ended);
  loop::Task<http::Exchange> post(LivePtr live, const Secret &bearer);
  loop::Task<void> accepted(LivePtr live, defender::PostResult result, std::optional<UtcTicks> not_before,
                            std::int64_t slot, BootTime ended);
  loop::Task<void> conflict(LivePtr live, defender::PostResult result, std::int64_t slot, BootTime ended);
  loop::Task<void> rejected(LivePtr live, Error error, std::int64_t slot, BootTime ended);
  loop::Task<void> unknown(LivePtr live, Error error, std::int64_t slot, BootTime ended);
  loop::Task<void> decide(LivePtr live, ledger::RequestRow row, std::int64_t slot, BootTime ended,
                          std::string echo = {});
  loop::Task<void> not_sent(LivePtr live, Error error, std::int64_t slot);
  loop::Task<Result<void>> mark_unknown(LivePtr live, BootTime closed);
  loop::Task<void> look(LivePtr live, BootTime from);
  loop::Task<Result<const defender::MachineAction *>> look_once(LivePtr live,
                                                                std::vector<defender::MachineAction> &found);

  Seams &seams_;
  const Timing &timing_;
  Book &book_;
  Reader &reader_;
  loop::Scope &life_;  // of the whole client: looks go on until it ends
  DeviceTurns turns_;
  loop::Activity sending_;
  bool stopping_ = false;
};

/// The closure part that takes a slot for `row` and marks it as sending; shared by the quick way and the slow one.
Result<ledger::QuotaAnswer> take_slot_and_mark(ledger::Tx &tx, ledger::RequestRow &row, const std::string &quota_key,
                                               const ledger::QuotaWindows &windows, const Clock &clock);

Lane lane_of(const ledger::RequestRow &row, const defender::Operation &operation);

}  // namespace cordon::response

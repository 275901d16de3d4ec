#pragma once

#include <memory>
#include <string>

#include "loop/activity.hpp"
#include "response/device_turns.hpp"
#include "response/permit.hpp"
#include "response/search.hpp"
#include "response/undo.hpp"

namespace cordon::response {

/// Brings requests to the service: turn, order, token, permit, one POST, and what its end means (mde-api §13). Each
/// runs as a task of its own, independent of who asked; it ends with the request refused, not sent, unknown or held by
/// the service. While one works on a request, Live::attending tells. [loop]
class Submission {
 public:
  Submission(Seams &seams, const Timing &timing, Book &book, Reader &reader, loop::Scope &life)
      : seams_(seams),
        timing_(timing),
        book_(book),
        reader_(reader),
        life_(life),
        search_(seams, timing, book, reader, life),
        undo_(seams, book),
        turns_(seams.scheduler),
        sending_(seams.scheduler) {
    search_.set_on_absent([this](const LivePtr &live) {
      if (!stopping_) start(live, turn(live->row), 0);
    });
  }

  /// How an undo has the action that it reverses cancelled. Once, before the first start().
  void set_cancel(UndoOrder::Cancel cancel) { undo_.set_cancel(std::move(cancel)); }

  /// The place of a new request in its device's line.
  std::unique_ptr<DeviceTurns::Turn> turn(const ledger::RequestRow &row);
  /// Sends a queued request; `slot` is the quota slot when the request is already marked as sending, else 0.
  void start(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot);
  /// Looks for requests whose outcome is unknown.
  Search &search() { return search_; }

  /// From now on an attempt that came to nothing is not repeated.
  void stop() { stopping_ = true; }

  /// True when a token is at hand and nobody waits for the quota.
  bool may_send_at_once(const Tenant &tenant, const defender::Operation &operation) const;
  /// Attempts on the wire, with the recording of what became of them.
  loop::Activity &sending() { return sending_; }

 private:
  /// One attempt's end, until it is recorded.
  struct Attempt {
    Attempt() = default;
    std::int64_t slot = 0;
    BootTime began{};
    BootTime ended{};
    std::optional<UtcTicks> not_before;  ///< a service time that was certainly past when it left
  };
  loop::Task<void> run(LivePtr live, std::unique_ptr<DeviceTurns::Turn> turn, std::int64_t slot);
  loop::Task<Result<void>> attempt_until_decided(LivePtr live, std::int64_t &slot);
  loop::Task<Result<void>> wait_for_tenant(LivePtr live, std::int64_t &slot);
  loop::Task<Result<std::int64_t>> take_slot(LivePtr live);
  loop::Task<Result<ledger::QuotaAnswer>> ask_once(LivePtr live, Permit &permit);
  loop::Task<Result<void>> back_to_queue(LivePtr live, std::int64_t &slot, BootTime ended);
  loop::Task<bool> outlasts(LivePtr live, const Error &error, Backoff &backoff);
  loop::Task<Result<void>> wait_for_turn(LivePtr live, DeviceTurns::Turn &turn);
  loop::Task<identity::SharedToken> token_for_slot(LivePtr live, std::shared_ptr<Tenant> tenant);
  loop::Task<http::Exchange> post(LivePtr live, const Tenant &tenant, const Secret &bearer);
  loop::Task<void> accepted(LivePtr live, defender::PostResult result, Attempt attempt);
  loop::Task<void> conflict(LivePtr live, defender::PostResult result, Attempt attempt);
  loop::Task<void> rejected(LivePtr live, Error error, Attempt attempt);
  loop::Task<void> unknown(LivePtr live, Error error, Attempt attempt);
  loop::Task<bool> decide(LivePtr live, RowChange change, Attempt attempt, ledger::Durability durability,
                          std::string fact = {});
  loop::Task<void> not_sent(LivePtr live, Error error, std::int64_t slot);

  Seams &seams_;
  const Timing &timing_;
  Book &book_;
  Reader &reader_;
  loop::Scope &life_;  // of the whole client: looks go on until it ends
  Search search_;
  UndoOrder undo_;
  DeviceTurns turns_;
  loop::Activity sending_;
  bool stopping_ = false;
};

}  // namespace cordon::response

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "response/import.hpp"
#include "response/sharing.hpp"
#include "response/submission.hpp"
#include "response/tracker.hpp"

namespace cordon::response {

/// What a use case yields when it is not an error.
struct Outcome {
  Outcome(Status status_, Json document_) : status(status_), document(std::move(document_)) {}
  Status status;
  Json document;
};

/// The use cases: submit, wait, poll, withdraw, recover. Everything it promises to a caller is in the ledger first.
/// [loop]
class Responder {
 public:
  Responder(Seams &seams, Timing timing, TenantNamed tenant_named);

  /// Submits and waits until the service holds the action (or it has ended, with `until_finished`). Ends early with the
  /// scope: then the error says whether anything was or will be sent.
  loop::Task<Result<Outcome>> act(Intent intent, loop::Scope &call);
  /// Makes the request durable and returns it at once; it is sent in the background until `expires`.
  loop::Task<Result<Outcome>> submit(Intent intent, loop::Scope &call);
  /// What is known of a request or action, from the ledger. Waits for its end as long as the scope allows, unless
  /// `known_now`. An action that no request knows is read at the service of `tenant`.
  loop::Task<Result<Outcome>> poll(std::string id, std::shared_ptr<Tenant> tenant, std::optional<milliseconds> max_age,
                                   bool known_now, loop::Scope &call);
  /// Takes back a request of which no byte has left, whichever client was to send it; else INVALID_STATE.
  loop::Task<Result<void>> withdraw(RequestId id, loop::Scope &call);
  /// A read operation of the catalogue. The service's document, as defender::without_annotations leaves it.
  loop::Task<Result<Outcome>> read(const defender::Operation &operation, Json request, std::shared_ptr<Tenant> tenant,
                                   loop::Scope &call);
  /// What holds for each device now, from the service's history.
  loop::Task<Result<Outcome>> containment_status(std::vector<std::string> machine_ids, std::shared_ptr<Tenant> tenant,
                                                 loop::Scope &call);

  /// Goes on with what earlier clients of this ledger left unfinished: sends what is still wanted, looks for what may
  /// have been sent, follows what the service holds. Once, when the ledger has its key.
  loop::Task<Result<void>> recover();
  /// Something was heard from other clients of the ledger.
  void look_at_others() { sharing_.look(); }
  /// Called with the newest record's sequence when another client has appended.
  void set_on_append(std::function<void(std::int64_t)> callback) { sharing_.set_on_append(std::move(callback)); }

  /// Called when a call joins a request of another client that has not ended.
  void set_on_joined(std::function<void(const RequestId &)> callback) { on_joined_ = std::move(callback); }

  /// A reload has replaced tenants: what is under way goes on with the new ones. For those that were removed (retired)
  /// nothing is sent any more: a blocking call that has not sent is withdrawn, what else is queued waits for its tenant
  /// until its time has passed, and what the service holds stays as it was seen last. `added`: those that there were
  /// not before; what was left of them is taken up.
  void tenants_changed(std::set<std::string> added);

  /// Sending was halted just now: what is marked as being sent and has not left goes back to the queue.
  loop::Task<void> recall_halted();

  /// Cancels what has not been sent and refuses new requests.
  void stop_sending();
  /// Idle when nothing is on the wire any more.
  loop::Activity &sending() { return submission_.sending(); }
  /// Drops the transfers that are left (their outcome becomes unknown) and every wait.
  void end();

 private:
  struct Begun;
  loop::Task<Result<Begun>> begin(Intent intent, BootTime deadline, bool blocking, loop::Scope &call);
  loop::Task<Result<Begun>> begin_or_join(const Intent &intent, BootTime deadline, bool blocking);
  Result<std::optional<ledger::RequestRow>> find_earlier(ledger::Tx &tx, const Intent &intent);
  Result<void> join_in(ledger::Tx &tx, ledger::RequestRow &earlier, const ledger::RequestRow &wished);
  Begun joined(const Intent &intent, const ledger::RequestRow &earlier);
  loop::Task<Result<Outcome>> wait_for(Begun begun, bool until_finished, loop::Scope &call);
  loop::Task<Result<Outcome>> end_early(Begun begun, Error why);
  loop::Task<void> take_back(LivePtr live, Status reason);
  loop::Task<void> take_back_from_other(LivePtr live, bool withdraw);
  loop::Task<void> wait_until_dropped(LivePtr live);
  void attend(const LivePtr &live);
  bool is_ours(const ledger::RequestRow &row) const { return row.owner == seams_.ledger.owner(); }
  bool may_be_taken_back(const Live &live) const;
  loop::Task<Result<std::optional<ledger::RequestRow>>> find_row(std::string id);
  loop::Task<Result<void>> read_again(LivePtr live, loop::Scope &call);
  loop::Task<Result<Outcome>> poll_foreign(std::string id, std::shared_ptr<Tenant> tenant, loop::Scope &call);
  loop::Task<Result<void>> cancel_forward(LivePtr undo, ledger::RequestRow forward);
  LivePtr enter(const ledger::RequestRow &row);
  loop::Task<void> take_up(std::set<std::string> tenants);
  loop::Task<void> watch();
  loop::Task<void> take_up_left();
  ledger::RequestRow new_row(const Intent &intent, BootTime deadline, bool blocking) const;
  Result<Outcome> outcome_of(const Live &live, bool joined) const;

  Seams &seams_;
  Timing timing_;
  TenantNamed tenant_named_;
  Book book_;
  Reader reader_;
  loop::Scope life_;
  Submission submission_;
  Tracker tracker_;
  Import import_;
  Sharing sharing_;
  std::function<void(const RequestId &)> on_joined_;
  bool stopping_ = false;
};

}  // namespace cordon::response

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

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
  /// Takes back a request of which no byte has left; else INVALID_STATE.
  loop::Task<Result<void>> withdraw(RequestId id, loop::Scope &call);
  /// A read operation of the catalogue. The service's document without its OData annotations.
  loop::Task<Result<Outcome>> read(const defender::Operation &operation, Json request, std::shared_ptr<Tenant> tenant,
                                   loop::Scope &call);

  /// Takes over what earlier clients of this ledger left unfinished: sends what is still wanted, looks for what may
  /// have been sent, follows what the service holds. Once, when the ledger has its key.
  loop::Task<Result<void>> recover();

  /// A reload has replaced tenants: what is under way goes on with the new ones.
  void tenants_changed();

  /// Requests of the tenant that the service holds and whose end is not known.
  std::int64_t in_flight(const std::string &tenant) const { return book_.in_flight(tenant); }
  /// Cancels what has not been sent and refuses new requests.
  void stop_sending();
  /// Idle when nothing is on the wire any more.
  loop::Activity &sending() { return submission_.sending(); }
  /// Drops the transfers that are left (their outcome becomes unknown) and every wait.
  void end();

 private:
  struct Begun;
  loop::Task<Result<Begun>> begin(Intent intent, BootTime deadline, bool blocking);
  loop::Task<Result<Begun>> begin_or_join(const Intent &intent, BootTime deadline, bool blocking);
  Result<std::optional<ledger::RequestRow>> find_earlier(ledger::Tx &tx, const Intent &intent);
  Result<void> join_in(ledger::Tx &tx, ledger::RequestRow &earlier, const ledger::RequestRow &wished);
  Result<void> refuse_to_overtake(ledger::Tx &tx, const Intent &intent);
  Begun joined(const Intent &intent, const ledger::RequestRow &earlier);
  loop::Task<Result<Outcome>> wait_for(Begun begun, bool until_finished, loop::Scope &call);
  loop::Task<Result<Outcome>> end_early(Begun begun, Error why);
  loop::Task<void> drop_unsent(LivePtr live, Status reason);
  loop::Task<void> wait_until_dropped(LivePtr live);
  void attend(const LivePtr &live);
  loop::Task<Result<Outcome>> poll_foreign(std::string id, std::shared_ptr<Tenant> tenant, loop::Scope &call);
  void recover_row(const ledger::RequestRow &row);
  ledger::RequestRow taken_over(ledger::RequestRow row) const;
  LivePtr enter(const ledger::RequestRow &row);
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
  bool stopping_ = false;
};

}  // namespace cordon::response

#pragma once

#include "base/json.hpp"
#include "defender/action.hpp"
#include "ledger/request_row.hpp"
#include "response/intent.hpp"

namespace cordon::response {

/// The action document of a request that was just made (plugin_manifest/schemas/action.schema.json).
Json new_document(const Intent &intent, const RequestId &id, UtcTicks now, UtcTicks expires);

/// Writes what the service said about the action into the row and its document; the state follows the service's word.
/// A terminal state never changes again.
void observe(ledger::RequestRow &row, const defender::MachineAction &action, UtcTicks now);

/// The same, unless it is known already: then false.
bool observe_news(ledger::RequestRow &row, const defender::MachineAction &action, UtcTicks now);

/// The document of an action that no request of ours knows.
Json foreign_document(const Tenant &tenant, const defender::Catalogue &catalogue, const defender::MachineAction &action,
                      UtcTicks now);

/// Sets the state in row and document.
void set_state(ledger::RequestRow &row, ledger::State state, UtcTicks now);

ledger::State state_of(defender::ActionStatus status);

/// What a host is told about a request in this state: OK only for Succeeded; OUTCOME_UNKNOWN for Unknown.
Status status_of(ledger::State state);

}  // namespace cordon::response

#pragma once

#include <optional>
#include <string>

#include "base/json.hpp"
#include "ledger/store.hpp"

namespace cordon::response {

/// The scope of a halt that stops every tenant.
constexpr const char *kHaltOfAll = "*";

/// Sending was stopped by somebody: a flag in the ledger that every client obeys. Tracking goes on.
struct Halt {
  Halt() = default;
  std::string scope;   ///< the tenant, or "*"
  std::string reason;  ///< as given
  std::string actor;   ///< may be empty
  UtcTicks since;

  Json document() const;
};

/// What stops this tenant's requests: its own halt, else that of all.
Result<std::optional<Halt>> halt_of(ledger::Tx &tx, std::string_view tenant);
/// The halt of exactly this scope.
Result<std::optional<Halt>> halt_named(ledger::Tx &tx, std::string_view scope);
/// Sets or lifts a halt, with a record of it.
Result<void> put_halt(ledger::Tx &tx, const Halt &halt);
Result<void> lift_halt(ledger::Tx &tx, const std::string &scope, std::string_view reason, std::string_view actor,
                       UtcTicks now);

/// HALTED, with the reason and who lifts it.
Error halted(std::string_view reason);

}  // namespace cordon::response

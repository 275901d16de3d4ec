#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "ledger/journal_row.hpp"
#include "ledger/keyring.hpp"

namespace cordon::ledger {

/// Records about the journal itself, which are no events.
constexpr const char *kCheckpointKind = "checkpoint";
constexpr const char *kArchiveKind = "archive";
/// The record of damage that was found; an event like others.
constexpr const char *kDamageKind = "damage";

/// So many records are signed by one checkpoint at most.
constexpr std::int64_t kCheckpointEvery = 1000;

/// The body of the checkpoint that is written right behind `last` and signs everything up to it. Needs the key.
Json checkpoint_body(const Keyring &keyring, std::string_view ledger_id, const ChainLink &last);

/// What is wrong with a checkpoint that stands behind `last`; empty: nothing.
std::string check_checkpoint(const JournalRow &row, const ChainLink &last, std::string_view ledger_id,
                             std::string_view public_key);

}  // namespace cordon::ledger

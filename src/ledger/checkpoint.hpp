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

/// What a checkpoint signs: everything up to the record before it, and what is its own.
struct CheckpointTerms {
  CheckpointTerms(std::string_view ledger_id_, const ChainLink &last_, std::int64_t at_, std::string_view owner_,
                  std::int64_t key_id_)
      : ledger_id(ledger_id_), last(last_), at(at_), owner(owner_), key_id(key_id_) {}
  std::string_view ledger_id;
  const ChainLink &last;  ///< the record before it
  std::int64_t at;        ///< the checkpoint's own fields
  std::string_view owner;
  std::int64_t key_id;
};

/// The body of a checkpoint. Needs the key.
Json checkpoint_body(const Keyring &keyring, const CheckpointTerms &terms);

/// What is wrong with a checkpoint that stands behind `last`; empty: nothing.
std::string check_checkpoint(const JournalRow &row, const ChainLink &last, std::string_view ledger_id,
                             std::string_view public_key);

}  // namespace cordon::ledger

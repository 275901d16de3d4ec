#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/journal_row.hpp"
#include "ledger/keyring.hpp"

namespace cordon::ledger {

/// How far a walk along a chain of records has come, and what it has found.
struct ChainWalk {
  ChainWalk() = default;
  bool begun = false;
  ChainLink base;  ///< where it began
  ChainLink link;  ///< of the last record that was found good
  bool at_end = false;
  std::int64_t checkpoints = 0;     ///< good ones on the way
  std::int64_t signed_through = 0;  ///< the newest record that one of them signs
  bool base_vouched = false;        ///< a record on the way says that what was before the base was archived
  std::string damage;               ///< names the first bad record and what is wrong with it; empty: none so far
  std::int64_t first_bad = 0;       ///< its sequence; 0: none, or none that can be numbered
};

/// Checks that `row` follows what `walk` has seen, and takes it in or names the damage.
void walk_over(ChainWalk &walk, const JournalRow &row, const Keyring &keyring, std::string_view ledger_id);

/// The MAC of the row in its place behind `previous`.
std::string mac_of(const Keyring &keyring, std::string_view previous, const JournalRow &row);

/// For a row whose MAC does not fit where it is: the sequence under which it was written, if it and the record before
/// it are among its `neighbours`. 0: it was changed, or comes from further away.
std::int64_t written_as(const JournalRow &row, const std::vector<JournalRow> &neighbours, const Keyring &keyring);

}  // namespace cordon::ledger

#pragma once

#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/utc.hpp"
#include "ledger/request_row.hpp"

namespace cordon::ledger {

class Tx;

/// What is wrong with the journal's end.
struct Damage {
  Damage() = default;
  explicit Damage(std::string text_) : text(std::move(text_)) {}
  bool found() const { return !text.empty(); }

  std::string text;            ///< names the first bad record and what is wrong with it; empty: nothing
  std::int64_t first_bad = 0;  ///< from this record on nothing is certain; 0: the bad one can't be numbered
  bool end_lost = false;       ///< records are missing that may have been about any request
};

/// Makes a request unknown, with a record of it, unless its row says what the record says that it rests on: whoever
/// takes over from a dead client what was not sent for certain asks this first. Needs the key.
Result<void> distrust_unless_recorded(Tx &tx, RequestRow &row, UtcTicks now);

}  // namespace cordon::ledger

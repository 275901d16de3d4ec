#pragma once

#include <optional>
#include <string_view>

namespace cordon::ledger {

/// Where a request stands. The words are those of the action document.
enum class State {
  Queued,
  Sending,
  Pending,
  InProgress,
  Succeeded,
  Failed,
  TimedOut,
  Cancelled,
  Rejected,   ///< the service refused
  Expired,    ///< never sent: its time had passed
  Withdrawn,  ///< never sent: taken back
  Unknown,    ///< bytes may have left and nothing was found yet
};

/// The word of the action document: "in_progress". Static.
std::string_view state_name(State state) noexcept;
std::optional<State> parse_state(std::string_view word) noexcept;

/// True once nothing will change any more. Unknown has not ended: Cordon goes on looking.
bool is_ended(State state) noexcept;

/// True if it ended without a byte sent, which frees its idempotency key.
bool is_never_sent(State state) noexcept;

}  // namespace cordon::ledger

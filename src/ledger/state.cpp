#include "ledger/state.hpp"

#include <array>

namespace cordon::ledger {
namespace {

struct Word {
  State state;
  std::string_view name;
  bool ended;
};

constexpr std::array<Word, 12> kWords = {{
    {State::Queued, "queued", false},
    {State::Sending, "sending", false},
    {State::Pending, "pending", false},
    {State::InProgress, "in_progress", false},
    {State::Succeeded, "succeeded", true},
    {State::Failed, "failed", true},
    {State::TimedOut, "timed_out", true},
    {State::Cancelled, "cancelled", true},
    {State::Rejected, "rejected", true},
    {State::Expired, "expired", true},
    {State::Withdrawn, "withdrawn", true},
    {State::Unknown, "unknown", false},
}};

const Word &word(State state) noexcept {
  return kWords[static_cast<std::size_t>(state)];
}

}  // namespace

std::string_view state_name(State state) noexcept {
  return word(state).name;
}

std::optional<State> parse_state(std::string_view name) noexcept {
  for (const Word &candidate : kWords)
    if (candidate.name == name) return candidate.state;
  return std::nullopt;
}

bool is_ended(State state) noexcept {
  return word(state).ended;
}

bool is_never_sent(State state) noexcept {
  return state == State::Expired || state == State::Withdrawn;
}

}  // namespace cordon::ledger

#include "ledger/slot_book.hpp"

#include <algorithm>

namespace cordon::ledger {
namespace {

constexpr int kReservedShare = 10;  // every so many-th slot of a window is for urgent requests and undo alone

}  // namespace

void SlotBook::put_ended(std::int64_t slot, BootTime ended) {
  open_.erase(slot);
  // Answers come nearly in order: the place is at the end or close to it.
  auto place = ended_.end();
  while (place != ended_.begin() && std::prev(place)->at > ended) --place;
  ended_.insert(place, Ended{ended, slot});
}

std::size_t SlotBook::ended_within(const QuotaWindow &window, BootTime now) const {
  const auto first = std::partition_point(ended_.begin(), ended_.end(),
                                          [&](const Ended &slot) { return slot.at + window.length <= now; });
  return static_cast<std::size_t>(ended_.end() - first);
}

int SlotBook::used(const QuotaWindow &window, BootTime now) const {
  return static_cast<int>(open_.size() + ended_within(window, now));
}

BootTime SlotBook::free_at(const QuotaWindow &window, int limit, BootTime now) const {
  const std::size_t ended = ended_within(window, now);
  const std::size_t used = open_.size() + ended;
  const auto allowed = static_cast<std::size_t>(limit);
  if (used < allowed) return now;
  // So many of the oldest must leave the window. Those still open leave it a whole window after now at the earliest.
  const std::size_t leaving = used - allowed + 1;
  if (leaving > ended) return now + window.length;
  return ended_[ended_.size() - ended + leaving - 1].at + window.length;
}

std::optional<BootTime> SlotBook::wait(const QuotaWindows &windows, bool privileged, BootTime now) const {
  const bool ever_cooled = cool_until_ != BootTime{};
  BootTime again = ever_cooled ? std::max(now, cool_until_) : now;
  for (const QuotaWindow &window : windows) {
    const int limit = privileged ? window.limit : window.limit - window.limit / kReservedShare;
    BootTime free = free_at(window, limit, now);
    const BootTime whole_again = cool_until_ + window.length;
    if (ever_cooled && now < whole_again)
      free = std::min(free_at(window, std::max(1, limit / 2), now), std::max(free, whole_again));
    again = std::max(again, free);
  }
  if (again > now) return again;
  return std::nullopt;
}

std::optional<std::int64_t> SlotBook::forget_one(BootTime before) {
  if (ended_.empty() || ended_.front().at > before) return std::nullopt;
  const std::int64_t slot = ended_.front().slot;
  ended_.pop_front();
  return slot;
}

}  // namespace cordon::ledger

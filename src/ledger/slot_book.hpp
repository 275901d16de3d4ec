#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_set>
#include <vector>

#include "ledger/quota.hpp"

namespace cordon::ledger {

/// The slots of one quota key in memory: a sliding window over the times at which calls ended. What is granted counts
/// from the grant on, because nobody knows when the service will count it; what has ended counts for one window more.
class SlotBook {
 public:
  void add_open(std::int64_t slot) { open_.insert(slot); }
  /// Whether it was known as open or not at all. It must not be put twice.
  void put_ended(std::int64_t slot, BootTime ended);
  void cool(BootTime until) { cool_until_ = std::max(cool_until_, until); }

  /// nullopt: a slot is free now. Else a lower bound of when one can be. After a cooling only half the budget is given
  /// for one window. The last tenth of a window is kept for the privileged.
  std::optional<BootTime> wait(const QuotaWindows &windows, bool privileged, BootTime now) const;
  int used(const QuotaWindow &window, BootTime now) const;
  int open() const { return static_cast<int>(open_.size()); }
  BootTime cool_until() const { return cool_until_; }

  /// Takes out one slot that ended before `before`; nullopt if there is none.
  std::optional<std::int64_t> forget_one(BootTime before);

 private:
  struct Ended {
    BootTime at;
    std::int64_t slot;
  };
  std::size_t ended_within(const QuotaWindow &window, BootTime now) const;
  /// The earliest time at which fewer than `limit` slots can be in use.
  BootTime free_at(const QuotaWindow &window, int limit, BootTime now) const;

  std::unordered_set<std::int64_t> open_;
  std::deque<Ended> ended_;  // by time
  BootTime cool_until_{};
};

}  // namespace cordon::ledger

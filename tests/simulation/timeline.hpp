#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace cordon::simulation {

/// True time: since the world began. No process can read it.
using Instant = nanoseconds;

/// What will happen, in the order of time; what happens at the same time, in the order in which it was planned.
class Timeline {
 public:
  Instant now() const { return now_; }
  void at(Instant when, std::function<void()> event) {
    events_.push(Event{std::max(when, now_), planned_++, std::move(event)});
  }
  void in(nanoseconds delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
  /// Lets the next event happen, unless it comes after `end`. False: there is none.
  bool step(Instant end);
  std::uint64_t steps() const { return steps_; }

 private:
  struct Event {
    Instant when;
    std::uint64_t order;
    std::function<void()> happen;
    bool operator>(const Event &other) const { return when != other.when ? when > other.when : order > other.order; }
  };
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Instant now_{0};
  std::uint64_t planned_ = 0;
  std::uint64_t steps_ = 0;
};

/// When the world began, by everybody's right clock.
inline constexpr UtcTicks kBeginning = UtcTicks::from_unix_seconds(1'770'000'000);

/// The clock of the service: right, and it never jumps.
class TrueClock final : public Clock {
 public:
  explicit TrueClock(const Timeline &timeline) : timeline_(timeline) {}
  BootTime now() const override { return BootTime(timeline_.now()); }
  UtcTicks utc() const override { return kBeginning + timeline_.now(); }
  const std::string &boot_id() const override { return boot_id_; }

 private:
  const Timeline &timeline_;
  std::string boot_id_ = "service";
};

/// The clocks of the host on which all processes run: boot time counts from its last start, UTC may be set wrong and
/// be set anew.
class HostClock final : public Clock {
 public:
  HostClock(const Timeline &timeline, nanoseconds up, nanoseconds utc_error)
      : timeline_(timeline), up_(up), utc_error_(utc_error) {}
  BootTime now() const override { return BootTime(up_ + (timeline_.now() - started_)); }
  UtcTicks utc() const override { return kBeginning + timeline_.now() + utc_error_; }
  const std::string &boot_id() const override { return boot_id_; }

  /// When the boot clock will show `time`.
  Instant instant(BootTime time) const { return time.time_since_epoch() - up_ + started_; }
  void set_utc_error(nanoseconds error) { utc_error_ = error; }
  nanoseconds utc_error() const { return utc_error_; }
  void reboot(std::string boot_id, nanoseconds up) {
    boot_id_ = std::move(boot_id);
    up_ = up;
    started_ = timeline_.now();
  }

 private:
  const Timeline &timeline_;
  std::string boot_id_ = "boot-1";
  nanoseconds up_;
  Instant started_{0};
  nanoseconds utc_error_;
};

}  // namespace cordon::simulation

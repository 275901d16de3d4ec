#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/utc.hpp"

namespace cordon {

/// A point on the boot clock (CLOCK_BOOTTIME): monotonic, counts suspend, means nothing after a reboot.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock, duration>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// The seam through which every time in Cordon is read. [any-thread]
class Clock {
 public:
  virtual ~Clock() = default;
  virtual BootTime now() const = 0;
  virtual UtcTicks utc() const = 0;
  /// Changes with every boot; a BootTime is comparable only under the same id.
  virtual const std::string &boot_id() const = 0;
};

/// The machine's own clocks. [any-thread]
class SystemClock final : public Clock {
 public:
  SystemClock();
  BootTime now() const override;
  UtcTicks utc() const override;
  const std::string &boot_id() const override { return boot_id_; }

 private:
  std::string boot_id_;
};

}  // namespace cordon

#pragma once

#include "base/clock.hpp"

namespace cordon::test {

/// A clock that stands still until it is told to advance; both its times move together.
class FakeClock final : public Clock {
 public:
  BootTime now() const override { return now_; }
  UtcTicks utc() const override { return utc_; }
  const std::string &boot_id() const override { return boot_id_; }
  void advance(nanoseconds by) {
    now_ += by;
    utc_ = utc_ + by;
  }
  void reboot(std::string id) {
    boot_id_ = std::move(id);
    now_ = BootTime(std::chrono::seconds(1));
  }
  void set_utc(UtcTicks utc) { utc_ = utc; }

 private:
  BootTime now_{std::chrono::hours(1)};
  UtcTicks utc_ = UtcTicks::from_unix_seconds(1'770'000'000);
  std::string boot_id_ = "boot-1";
};

}  // namespace cordon::test

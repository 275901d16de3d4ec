#include "base/clock.hpp"

#include <ctime>
#include <fstream>

namespace cordon {
namespace {

std::int64_t read_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

SystemClock::SystemClock() {
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot_id_;
  if (boot_id_.empty()) boot_id_ = "unknown-boot";
}

BootTime SystemClock::now() const {
  return BootTime(nanoseconds(read_ns(CLOCK_BOOTTIME)));
}

UtcTicks SystemClock::utc() const {
  return UtcTicks::from_unix_ticks(read_ns(CLOCK_REALTIME) / 100);
}

}  // namespace cordon

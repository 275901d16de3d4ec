#include "base/clock.hpp"

#include <fcntl.h>

#include <ctime>
#include <optional>

#include "base/descriptor.hpp"
#include "base/open_file.hpp"

namespace cordon {
namespace {

std::int64_t read_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

SystemClock::SystemClock() {
  constexpr std::size_t kUuidSize = 36;
  const Descriptor file(open_file("/proc/sys/kernel/random/boot_id", O_RDONLY));
  boot_id_.resize(kUuidSize);
  const auto size = file ? read_up_to(file, boot_id_.data(), boot_id_.size()) : std::nullopt;
  if (size != kUuidSize) boot_id_ = "unknown-boot";
}

BootTime SystemClock::now() const {
  return BootTime(nanoseconds(read_ns(CLOCK_BOOTTIME)));
}

UtcTicks SystemClock::utc() const {
  return UtcTicks::from_unix_ticks(read_ns(CLOCK_REALTIME) / 100);
}

}  // namespace cordon

#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.hpp"

namespace cordon::emulator {

/// The service's own time: starts at the real time of construction, runs `speed` times as fast, and can be advanced.
class ServiceTime {
 public:
  /// `real` must outlive this object. speed ≥ 1.
  ServiceTime(const Clock &real, int speed) : real_(real), speed_(speed), start_(real.now()), origin_(real.utc()) {}

  UtcTicks now() const { return origin_ + (real_.now() - start_) * speed_ + advanced_; }
  void advance(std::chrono::nanoseconds by) { advanced_ += by; }

  /// What clients' credentials and tokens are checked against.
  UtcTicks real_now() const { return real_.utc(); }

  /// A span of service time as whole real seconds, rounded up, at least one: for Retry-After.
  std::int64_t real_seconds(std::chrono::nanoseconds service_span) const {
    const std::int64_t per_second = std::int64_t{1'000'000'000} * speed_;
    return std::max<std::int64_t>(1, (service_span.count() + per_second - 1) / per_second);
  }

 private:
  const Clock &real_;
  int speed_;
  BootTime start_;
  UtcTicks origin_;
  std::chrono::nanoseconds advanced_{0};
};

}  // namespace cordon::emulator

#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon {

/// A UTC time in 100-ns ticks since 1970-01-01, the resolution of the service (mde-api §5.2). 0 = not set.
class UtcTicks {
 public:
  static constexpr std::int64_t kPerSecond = 10'000'000;

  constexpr UtcTicks() = default;
  static constexpr UtcTicks from_unix_ticks(std::int64_t ticks) { return UtcTicks(ticks); }
  static constexpr UtcTicks from_unix_seconds(std::int64_t seconds) { return UtcTicks(seconds * kPerSecond); }

  /// Reads RFC 3339 in UTC ("Z" or "+00:00"), 0 to 9 fractional digits (beyond the seventh they are dropped), years 1
  /// to 9999. Anything else: nullopt.
  static std::optional<UtcTicks> parse(std::string_view text);
  /// Reads an HTTP date (RFC 9110, IMF-fixdate only: "Sun, 06 Nov 1994 08:49:37 GMT").
  static std::optional<UtcTicks> parse_http_date(std::string_view text);

  /// RFC 3339 with seven digits, trailing zeros trimmed as the service does: "2026-02-03T10:11:12.25Z".
  std::string str() const;
  std::string http_date() const;

  constexpr std::int64_t unix_ticks() const { return ticks_; }
  constexpr std::int64_t unix_seconds() const { return ticks_ / kPerSecond - (ticks_ % kPerSecond < 0); }
  constexpr bool is_set() const { return ticks_ != 0; }

  constexpr auto operator<=>(const UtcTicks &) const = default;
  friend constexpr UtcTicks operator+(UtcTicks t, std::chrono::nanoseconds d) {
    return UtcTicks(t.ticks_ + d.count() / 100);
  }
  friend constexpr UtcTicks operator-(UtcTicks t, std::chrono::nanoseconds d) {
    return UtcTicks(t.ticks_ - d.count() / 100);
  }
  friend constexpr std::chrono::nanoseconds operator-(UtcTicks a, UtcTicks b) {
    return std::chrono::nanoseconds((a.ticks_ - b.ticks_) * 100);
  }

 private:
  constexpr explicit UtcTicks(std::int64_t ticks) : ticks_(ticks) {}
  std::int64_t ticks_ = 0;
};

}  // namespace cordon

#include "http/retry_after.hpp"

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "base/utc.hpp"

namespace cordon::http {
namespace {

constexpr std::chrono::seconds kLongest = std::chrono::hours(24);

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<nanoseconds> parse_retry_after(std::string_view retry_after, std::string_view date) noexcept {
  if (is_digits(retry_after)) {
    const auto seconds = parse_int(retry_after);
    if (!seconds) return kLongest;  // more digits than an integer holds
    return std::chrono::seconds(std::min<std::int64_t>(*seconds, kLongest.count()));
  }
  const auto until = UtcTicks::parse_http_date(retry_after);
  const auto now = UtcTicks::parse_http_date(date);
  if (!until || !now) return std::nullopt;
  const std::int64_t seconds = until->unix_seconds() - now->unix_seconds();
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLongest.count()));
}

}  // namespace cordon::http

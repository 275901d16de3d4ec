#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/utc.hpp"

namespace cordon::emulator {

struct QuotaWindow {
  std::size_t calls;
  std::chrono::seconds window;
};
/// All of them hold.
using QuotaLimits = std::vector<QuotaWindow>;

/// Reads "100/60s,1500/3600s".
Result<QuotaLimits> parse_quota(std::string_view text);
/// The inverse, with windows as seen by a client when service time runs `speed` times as fast; rounded up to seconds.
std::string quota_text(const QuotaLimits &limits, int speed);

/// The limits of each endpoint class.
struct QuotaTable {
  QuotaTable();
  const QuotaLimits &of(const std::string &endpoint) const;

  QuotaLimits usual;                               ///< 100/60s,1500/3600s
  std::map<std::string, QuotaLimits> by_endpoint;  ///< those of mde-api §9 that differ, by endpoint name
  /// False: all endpoints of an application share the usual limits.
  bool per_endpoint = true;
};

/// Sliding windows of granted calls. Refused calls do not count.
class QuotaLedger {
 public:
  /// Grants a call (nullopt), or says how long until one would be granted.
  std::optional<std::chrono::nanoseconds> take(const std::string &key, const QuotaLimits &limits, UtcTicks now);

 private:
  std::unordered_map<std::string, std::deque<UtcTicks>> granted_;
};

}  // namespace cordon::emulator

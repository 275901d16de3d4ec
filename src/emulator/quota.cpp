#include "emulator/quota.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace cordon::emulator {

using namespace std::chrono_literals;

Result<QuotaLimits> parse_quota(std::string_view text) {
  QuotaLimits limits;
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    more = comma != std::string_view::npos;
    text.remove_prefix(more ? comma + 1 : text.size());
    const std::size_t slash = part.find('/');
    const auto calls = parse_int(part.substr(0, slash));
    const auto window = slash != std::string_view::npos && part.ends_with('s')
                            ? parse_int(part.substr(slash + 1, part.size() - slash - 2))
                            : std::nullopt;
    if (!calls || !window || *calls < 1 || *window < 1 || *calls > 1'000'000 || *window > 86'400)
      return fail(Status::InvalidArgument, "a quota reads like 100/60s,1500/3600s: calls, slash, seconds");
    limits.push_back({static_cast<std::size_t>(*calls), std::chrono::seconds(*window)});
  }
  return limits;
}

std::string quota_text(const QuotaLimits &limits, int speed) {
  std::string out;
  for (const QuotaWindow &limit : limits)
    out += fmt::format("{}{}/{}s", out.empty() ? "" : ",", limit.calls, (limit.window.count() + speed - 1) / speed);
  return out;
}

QuotaTable::QuotaTable()
    : usual{{100, 60s}, {1500, 3600s}},
      by_endpoint{{"GET /api/machineactions/{id}/getPackageUri", {{2, 60s}, {120, 3600s}}}} {}

const QuotaLimits &QuotaTable::of(const std::string &endpoint) const {
  const auto found = by_endpoint.find(endpoint);
  return !per_endpoint || found == by_endpoint.end() ? usual : found->second;
}

std::optional<std::chrono::nanoseconds> QuotaLedger::take(const std::string &key, const QuotaLimits &limits,
                                                          UtcTicks now) {
  std::deque<UtcTicks> &granted = granted_[key];
  std::chrono::nanoseconds longest{0}, wait{0};
  for (const QuotaWindow &limit : limits) {
    longest = std::max<std::chrono::nanoseconds>(longest, limit.window);
    if (granted.size() < limit.calls) continue;
    // The call that has to leave the window before another one fits.
    const UtcTicks blocking = granted[granted.size() - limit.calls];
    wait = std::max(wait, blocking + limit.window - now);
  }
  if (wait > 0ns) return wait;
  while (!granted.empty() && granted.front() + longest <= now) granted.pop_front();
  granted.push_back(now);
  return std::nullopt;
}

}  // namespace cordon::emulator

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace cordon::ledger {

/// At most `limit` calls within any `length`.
struct QuotaWindow {
  QuotaWindow(int limit_, nanoseconds length_) : limit(limit_), length(length_) {}
  int limit;
  nanoseconds length;
  bool operator==(const QuotaWindow &) const = default;
};
using QuotaWindows = std::vector<QuotaWindow>;

/// Reads "100/60s,1500/3600s": calls per seconds, 1 to 8 windows. The error (INVALID_ARGUMENT) names the window by its
/// place and never quotes the text.
Result<QuotaWindows> parse_quota(std::string_view text);
std::string quota_text(const QuotaWindows &windows);

/// How long a slot whose connection was closed without an answer counts as in use: the service may still be working.
constexpr nanoseconds kQuotaLinger = std::chrono::seconds(30);

/// A slot, or when to ask again.
struct QuotaAnswer {
  QuotaAnswer(std::int64_t slot_, BootTime again_) : slot(slot_), again(again_) {}
  std::int64_t slot;  ///< 0: not granted
  /// When not granted: a lower bound of when a slot can be free. Asking earlier is in vain; asking then may be too.
  BootTime again;
  bool granted() const { return slot != 0; }
};

struct QuotaUsage {
  struct Window {
    Window(QuotaWindow window_, int used_) : window(window_), used(used_) {}
    QuotaWindow window;
    int used;  ///< slots occupied now
  };
  QuotaUsage() = default;
  std::vector<Window> windows;
  int open = 0;           ///< calls under way
  BootTime cool_until{};  ///< nothing is granted before
  BootTime again{};       ///< lower bound of the next grant
};

}  // namespace cordon::ledger

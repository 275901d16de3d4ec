#include "ledger/quota.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace cordon::ledger {
namespace {

constexpr std::size_t kMostWindows = 8;
constexpr std::int64_t kHighestLimit = 1'000'000;
constexpr std::int64_t kLongestSeconds = 7 * 24 * 3600;

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Result<QuotaWindow> parse_window(std::string_view text, std::size_t place) {
  const auto bad = [place](std::string_view what) {
    return fail(
        Status::InvalidArgument,
        fmt::format("the quota's window {} {}; write calls per seconds, as in 100/60s,1500/3600s", place, what));
  };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return bad("has no '/'");
  if (text.back() != 's') return bad("does not end in 's'");
  const auto limit = parse_int(text.substr(0, slash));
  const auto seconds = parse_int(text.substr(slash + 1, text.size() - slash - 2));
  if (!limit || *limit < 1 || *limit > kHighestLimit)
    return bad(fmt::format("must allow between 1 and {} calls", kHighestLimit));
  if (!seconds || *seconds < 1 || *seconds > kLongestSeconds)
    return bad(fmt::format("must last between 1 and {} seconds", kLongestSeconds));
  return QuotaWindow(static_cast<int>(*limit), std::chrono::seconds(*seconds));
}

}  // namespace

Result<QuotaWindows> parse_quota(std::string_view text) {
  QuotaWindows windows;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (windows.size() == kMostWindows)
      return fail(Status::InvalidArgument, fmt::format("the quota has more than {} windows", kMostWindows));
    const std::string_view part = trim(text.substr(begin, end - begin));
    if (part.empty())
      return fail(Status::InvalidArgument,
                  fmt::format("the quota's window {} is empty; write calls per seconds, as in 100/60s,1500/3600s",
                              windows.size() + 1));
    auto window = parse_window(part, windows.size() + 1);
    if (!window) return tl::unexpected(window.error());
    windows.push_back(*window);
    begin = end + 1;
  }
  return windows;
}

std::string quota_text(const QuotaWindows &windows) {
  std::string text;
  for (const QuotaWindow &window : windows)
    text += fmt::format("{}{}/{}s", text.empty() ? "" : ",", window.limit,
                        std::chrono::duration_cast<std::chrono::seconds>(window.length).count());
  return text;
}

}  // namespace cordon::ledger

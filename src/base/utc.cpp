#include "base/utc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/// Reads exactly `digits` decimal digits at the front of `text` and removes them.
std::optional<int> take_number(std::string_view &text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view &text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<std::int64_t> unix_seconds_of(int year, int month, int day, int hour, int minute, int second) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1 || !date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return sys_days(date).time_since_epoch().count() * std::int64_t{86400} + hour * 3600 + minute * 60 + second;
}

struct Civil {
  std::chrono::year_month_day date;
  unsigned weekday;
  int hour, minute, second;
};

Civil civil_of(std::int64_t unix_seconds) {
  using namespace std::chrono;
  const sys_seconds time{seconds(unix_seconds)};
  const sys_days midnight = floor<days>(time);
  const auto in_day = static_cast<int>((time - midnight).count());
  return {year_month_day(midnight), weekday(midnight).c_encoding(), in_day / 3600, in_day / 60 % 60, in_day % 60};
}

}  // namespace

std::optional<UtcTicks> UtcTicks::parse(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !(take(text, "T") || take(text, "t"))) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;

  std::int64_t fraction = 0;
  if (take(text, ".")) {
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits)
      if (digits < 7) fraction = fraction * 10 + (text[digits] - '0');
    if (digits == 0 || digits > 9) return std::nullopt;
    for (std::size_t have = digits; have < 7; ++have) fraction *= 10;
    text.remove_prefix(digits);
  }
  if (text != "Z" && text != "z" && text != "+00:00") return std::nullopt;
  const auto seconds = unix_seconds_of(*year, *month, *day, *hour, *minute, *second);
  if (!seconds) return std::nullopt;
  return UtcTicks(*seconds * kPerSecond + fraction);
}

std::optional<UtcTicks> UtcTicks::parse_http_date(std::string_view text) {
  if (text.size() != 29 || std::find(kDays.begin(), kDays.end(), text.substr(0, 3)) == kDays.end()) return std::nullopt;
  text.remove_prefix(3);
  if (!take(text, ", ")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take(text, " ")) return std::nullopt;
  int month = 0;
  for (std::size_t i = 0; i < kMonths.size(); ++i)
    if (text.starts_with(kMonths[i])) month = static_cast<int>(i) + 1;
  if (month == 0) return std::nullopt;
  text.remove_prefix(3);
  if (!take(text, " ")) return std::nullopt;
  const auto year = take_number(text, 4);
  if (!year || !take(text, " ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || text != " GMT") return std::nullopt;
  const auto seconds = unix_seconds_of(*year, month, *day, *hour, *minute, *second);
  if (!seconds) return std::nullopt;
  return from_unix_seconds(*seconds);
}

std::string UtcTicks::str() const {
  const Civil c = civil_of(unix_seconds());
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(c.date.year()),
                                static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()), c.hour,
                                c.minute, c.second);
  if (const std::int64_t fraction = ticks_ - unix_seconds() * kPerSecond; fraction != 0) {
    out += fmt::format(".{:07}", fraction);
    out.erase(out.find_last_not_of('0') + 1);
  }
  return out + "Z";
}

std::string UtcTicks::http_date() const {
  const Civil c = civil_of(unix_seconds());
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[c.weekday], static_cast<unsigned>(c.date.day()),
                     kMonths[static_cast<unsigned>(c.date.month()) - 1], static_cast<int>(c.date.year()), c.hour,
                     c.minute, c.second);
}

}  // namespace cordon

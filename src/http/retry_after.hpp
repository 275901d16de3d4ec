#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace cordon::http {

/// How long a Retry-After header asks to wait: whole seconds, or an HTTP date read against the answer's own Date
/// header, never against our clock. A date in the past is 0; more than a day is a day. nullopt when it can't be
/// understood.
std::optional<nanoseconds> parse_retry_after(std::string_view retry_after, std::string_view date) noexcept;

}  // namespace cordon::http

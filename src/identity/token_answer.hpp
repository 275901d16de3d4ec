#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/secure.hpp"
#include "base/utc.hpp"

namespace cordon::identity {

/// What a token endpoint sends with status 200 (mde-api §2.2): v1 and v2, numbers as numbers or as texts.
struct TokenAnswer {
  TokenAnswer() = default;
  Secret access_token;
  Secret refresh_token;  ///< empty when none came
  std::int64_t expires_in_s = 0;
};

/// Strict, and in guarded memory throughout. `now`: the service may tell the end as `expires_on` alone, as App Service
/// does (mde-api §2.5). Error: INVALID_RESPONSE saying what is missing.
Result<TokenAnswer> parse_token_answer(std::string_view body, std::optional<UtcTicks> now = {});

}  // namespace cordon::identity

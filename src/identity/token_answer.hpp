#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon::identity {

/// What a token endpoint sends with status 200 (mde-api §2.2): v1 and v2, numbers as numbers or as texts.
struct TokenAnswer {
  TokenAnswer() = default;
  Secret access_token;
  Secret refresh_token;  ///< empty when none came
  std::int64_t expires_in_s = 0;
};

/// Takes the secrets out of `body` (they are overwritten there) before a JSON parser sees it: parsers keep copies on
/// the ordinary heap. Error: INVALID_RESPONSE saying what is missing.
Result<TokenAnswer> parse_token_answer(Secret &body);

/// The text member `key` of the outermost object, removed from `document`: its bytes become an empty text followed by
/// blanks. Empty when absent, not a text, or not simply written (a backslash in it).
Secret take_secret_member(Secret &document, std::string_view key);

}  // namespace cordon::identity

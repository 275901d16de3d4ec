#include "identity/token_answer.hpp"

#include <algorithm>
#include <string>

#include "base/secure_json.hpp"
#include "base/text.hpp"
#include "identity/secure_member.hpp"

namespace cordon::identity {
namespace {

tl::unexpected<Error> refuse(const char *problem) {
  return fail(Status::InvalidResponse,
              std::string("the token endpoint answered 200, but ") + problem + "; look for a proxy in between");
}

bool fits_a_header(std::string_view token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Result<TokenAnswer> parse_token_answer(std::string_view body, std::optional<UtcTicks> now) {
  const auto json = parse_secure_json(body, "token answer", JsonLimits{256 * 1024, 16});
  if (!json) return refuse("its body is no JSON");
  if (!json->is_object()) return refuse("its body is no JSON object");
  const std::string_view token = text_of(*json, "access_token");
  if (token.empty()) return refuse("there is no access_token in its body");
  if (!fits_a_header(token)) return refuse("its access_token has characters that no header may carry");
  if (json->contains("token_type") && !equal_ignoring_case(text_of(*json, "token_type"), "Bearer"))
    return refuse("its token is no bearer token");

  TokenAnswer answer;
  answer.expires_in_s = number_of(*json, "expires_in");
  if (now && !json->contains("expires_in")) answer.expires_in_s = number_of(*json, "expires_on") - now->unix_seconds();
  if (answer.expires_in_s <= 0) return refuse("there is no expires_in in its body");
  answer.access_token = Secret(token);
  answer.refresh_token = Secret(text_of(*json, "refresh_token"));
  return answer;
}

}  // namespace cordon::identity

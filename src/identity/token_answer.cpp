#include "identity/token_answer.hpp"

#include <algorithm>
#include <string>

#include "base/secure_json.hpp"
#include "base/text.hpp"

namespace cordon::identity {
namespace {

tl::unexpected<Error> refuse(const char *problem) {
  return fail(Status::InvalidResponse,
              std::string("the token endpoint answered 200, but ") + problem + "; look for a proxy in between");
}

/// Empty when absent or not a text; lives as long as `json`.
std::string_view text_of(const SecureJson &json, const char *key) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_string()) return {};
  return it->get_ref<const SecureString &>();
}

/// Numbers as numbers (v2) or as texts (v1); −1 when it is neither.
std::int64_t number_of(const SecureJson &json, const char *key) {
  const auto it = json.find(key);
  if (it != json.end() && it->is_number_integer()) return it->get<std::int64_t>();
  return parse_int(text_of(json, key)).value_or(-1);
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

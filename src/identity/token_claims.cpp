#include "identity/token_claims.hpp"

#include <sodium.h>

#include <algorithm>
#include <string_view>

#include "base/secure_json.hpp"

namespace cordon::identity {
namespace {

/// The JWT's middle part as text, in guarded memory: with the outer parts it is the token. Empty if there is none.
Secret payload_of(std::string_view jwt) {
  const std::size_t first = jwt.find('.');
  const std::size_t second = first == std::string_view::npos ? first : jwt.find('.', first + 1);
  if (second == std::string_view::npos) return {};
  const std::string_view part = jwt.substr(first + 1, second - first - 1);
  if (part.empty()) return {};
  Secret payload = Secret::zeros(part.size());
  std::size_t size = 0;
  if (sodium_base642bin(payload.bytes(), payload.size(), part.data(), part.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return {};
  payload.resize(size);
  return payload;
}

std::string claim_text(const SecureJson &json, const char *key) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_string()) return {};
  const auto &text = it->get_ref<const SecureString &>();
  return {text.begin(), text.end()};
}

void split_words(const std::string &text, std::vector<std::string> &out) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t blank = std::min(text.find(' ', at), text.size());
    if (blank > at) out.push_back(text.substr(at, blank - at));
    at = blank + 1;
  }
}

}  // namespace

TokenClaims read_claims(const Secret &token) {
  TokenClaims claims;
  const Secret payload = payload_of(token.reveal());
  if (payload.empty()) return claims;
  const auto json = parse_secure_json(payload.reveal(), "token", JsonLimits{64 * 1024, 16});
  if (!json || !json->is_object()) return claims;
  claims.readable = true;
  claims.audience = claim_text(*json, "aud");
  claims.tenant_id = claim_text(*json, "tid");
  claims.application = claim_text(*json, "appid");
  if (claims.application.empty()) claims.application = claim_text(*json, "azp");
  if (const auto it = json->find("roles"); it != json->end() && it->is_array())
    for (const SecureJson &role : *it)
      if (role.is_string()) {
        const auto &text = role.get_ref<const SecureString &>();
        claims.roles.emplace_back(text.begin(), text.end());
      }
  split_words(claim_text(*json, "scp"), claims.scopes);
  if (const auto it = json->find("exp"); it != json->end() && it->is_number_integer())
    claims.expires = UtcTicks::from_unix_seconds(it->get<std::int64_t>());
  return claims;
}

}  // namespace cordon::identity

#include "identity/token.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/json.hpp"

namespace cordon::identity {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

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

void split_words(const std::string &text, std::vector<std::string> &out) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t blank = std::min(text.find(' ', at), text.size());
    if (blank > at) out.push_back(text.substr(at, blank - at));
    at = blank + 1;
  }
}

}  // namespace

SharedToken make_token(Secret value, std::int64_t expires_in_s, BootTime asked, UtcTicks asked_utc) {
  auto token = std::make_shared<Token>();
  // Long lives (managed identities: a day) are halved; short ones keep a few minutes, or a share when very short.
  const nanoseconds life = seconds(std::clamp<std::int64_t>(expires_in_s, 0, 7 * 86'400));
  const nanoseconds early = life > std::chrono::hours(2) ? life / 2 : std::min<nanoseconds>(minutes(5), life / 4);
  token->roles = token_roles(value);
  token->value = std::move(value);
  token->expires_at = asked_utc + life;
  token->usable_until = asked + life - std::min<nanoseconds>(seconds(60), life / 10);
  token->refresh_at = asked + life - early;
  return token;
}

std::vector<std::string> token_roles(const Secret &token) {
  std::vector<std::string> roles;
  const Secret payload = payload_of(token.reveal());
  if (payload.empty()) return roles;
  const auto claims = parse_json(payload.reveal(), "token", JsonLimits{64 * 1024, 16});
  if (!claims || !claims->is_object()) return roles;
  if (const auto it = claims->find("roles"); it != claims->end() && it->is_array())
    for (const Json &role : *it)
      if (role.is_string()) roles.push_back(role.get<std::string>());
  if (roles.empty()) split_words(text_or(*claims, "scp"), roles);
  return roles;
}

}  // namespace cordon::identity

#include "identity/token.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "base/text.hpp"
#include "identity/token_claims.hpp"

namespace cordon::identity {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

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

std::string hash_name(const std::vector<std::string_view> &parts, const Secret *secret) {
  unsigned char key[crypto_generichash_KEYBYTES] = {};
  unsigned char hash[16];
  if (secret != nullptr) crypto_generichash(key, sizeof key, secret->bytes(), secret->size(), nullptr, 0);
  std::string text;
  for (const std::string_view part : parts) text += fmt::format("{}:{}\n", part.size(), part);
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char *>(text.data()), text.size(), key,
                     sizeof key);
  sodium_memzero(key, sizeof key);
  return base64url_encode(std::string_view(reinterpret_cast<const char *>(hash), sizeof hash));
}

std::vector<std::string> token_roles(const Secret &token) {
  TokenClaims claims = read_claims(token);
  return claims.roles.empty() ? std::move(claims.scopes) : std::move(claims.roles);
}

}  // namespace cordon::identity

#include "emulator/access_tokens.hpp"

#include <sodium.h>

#include <stdexcept>

#include "base/json.hpp"
#include "base/text.hpp"

namespace cordon::emulator {

AccessTokens::AccessTokens(Random &random) : key_(crypto_auth_hmacsha256_KEYBYTES, '\0') {
  if (sodium_init() < 0) throw std::runtime_error("libsodium could not be initialised");
  random.fill(key_.data(), key_.size());
}

std::string AccessTokens::signature(std::string_view signed_text) const {
  std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256(reinterpret_cast<unsigned char *>(mac.data()),
                         reinterpret_cast<const unsigned char *>(signed_text.data()), signed_text.size(),
                         reinterpret_cast<const unsigned char *>(key_.data()));
  return base64url_encode(mac);
}

std::string AccessTokens::issue(const TokenClaims &claims) const {
  const Json payload = {{"aud", claims.audience},
                        {"iss", "https://sts.windows.net/" + claims.tenant_id + "/"},
                        {"iat", claims.not_before.unix_seconds()},
                        {"nbf", claims.not_before.unix_seconds()},
                        {"exp", claims.expires.unix_seconds()},
                        {"appid", claims.client_id},
                        {"tid", claims.tenant_id},
                        {"roles", claims.roles},
                        {"uti", claims.id},
                        {"ver", "1.0"}};
  const std::string signed_text =
      base64url_encode(R"({"alg":"HS256","typ":"JWT"})") + '.' + base64url_encode(dump(payload));
  return signed_text + '.' + signature(signed_text);
}

std::optional<TokenClaims> AccessTokens::verify(std::string_view token, UtcTicks real_now) const {
  const std::size_t payload_at = token.find('.') + 1, signature_at = token.rfind('.') + 1;
  if (payload_at == 0 || signature_at <= payload_at || revoked_.contains(std::string(token))) return std::nullopt;
  const std::string expected = signature(token.substr(0, signature_at - 1));
  const std::string_view given = token.substr(signature_at);
  if (given.size() != expected.size() || sodium_memcmp(given.data(), expected.data(), expected.size()) != 0)
    return std::nullopt;
  const Json payload = Json::parse(*base64url_decode(token.substr(payload_at, signature_at - 1 - payload_at)));
  TokenClaims claims{.id = payload.at("uti"),
                     .audience = payload.at("aud"),
                     .tenant_id = payload.at("tid"),
                     .client_id = payload.at("appid"),
                     .roles = payload.at("roles"),
                     .not_before = UtcTicks::from_unix_seconds(payload.at("nbf")),
                     .expires = UtcTicks::from_unix_seconds(payload.at("exp"))};
  if (real_now >= claims.expires) return std::nullopt;
  return claims;
}

}  // namespace cordon::emulator

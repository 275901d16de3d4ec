#include "emulator/access_tokens.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <stdexcept>

#include "base/json.hpp"
#include "base/text.hpp"

namespace cordon::emulator {
namespace {

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

}  // namespace

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
  Json payload = {{"aud", claims.audience},
                  {"iss", issuer(claims.tenant_id)},
                  {"iat", claims.not_before.unix_seconds()},
                  {"nbf", claims.not_before.unix_seconds()},
                  {"exp", claims.expires.unix_seconds()},
                  {"appid", claims.client_id},
                  {"tid", claims.tenant_id},
                  {"oid", claims.object_id},
                  {"sub", claims.object_id},
                  {"uti", claims.id},
                  {"ver", "1.0"}};
  if (claims.user.empty()) {
    payload["roles"] = claims.roles;
  } else {
    payload["scp"] = fmt::format("{}", fmt::join(claims.scopes, " "));
    payload["upn"] = claims.user;
  }
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
                     .roles = payload.value("roles", std::vector<std::string>()),
                     .scopes = words(text_or(payload, "scp")),
                     .object_id = payload.at("oid"),
                     .user = text_or(payload, "upn"),
                     .not_before = UtcTicks::from_unix_seconds(payload.at("nbf")),
                     .expires = UtcTicks::from_unix_seconds(payload.at("exp"))};
  if (real_now >= claims.expires) return std::nullopt;
  return claims;
}

}  // namespace cordon::emulator

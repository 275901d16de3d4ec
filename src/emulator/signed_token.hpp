#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"

namespace cordon::emulator {

/// A public key for signatures; empty: none. Copies share it.
class PublicKey {
 public:
  PublicKey() = default;
  /// From PEM: a public key or a certificate. INVALID_ARGUMENT when it is neither.
  static Result<PublicKey> read(const std::string &pem);

  explicit operator bool() const { return key_ != nullptr; }
  /// `algorithm` as in a JWT's header; PS256 and RS256 are known.
  bool verifies(std::string_view algorithm, std::string_view text, std::string_view signature) const;

 private:
  std::shared_ptr<void> key_;  ///< EVP_PKEY
};

/// A certificate an application has uploaded.
struct RegisteredCertificate {
  /// INVALID_ARGUMENT when there is no certificate in the PEM.
  static Result<RegisteredCertificate> read(const std::string &pem);

  PublicKey key{};
  std::string sha256, sha1;  ///< thumbprints, base64url
  UtcTicks not_after;
};

/// A JWT taken apart; nothing of it is verified yet.
struct SignedToken {
  static std::optional<SignedToken> parse(std::string_view text);

  std::string claim(const char *name) const { return text_or(claims, name); }
  /// `nbf` and `exp` as far as given; `exp` is required.
  bool is_current(UtcTicks now) const;
  bool verified_by(const PublicKey &key) const { return key.verifies(text_or(header, "alg"), signed_text, signature); }

  Json header, claims;
  std::string signed_text, signature;
};

}  // namespace cordon::emulator

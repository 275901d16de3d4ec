#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secure.hpp"
#include "base/utc.hpp"
#include "http/key_pair.hpp"

namespace cordon::identity {

enum class SigningAlgorithm { Ps256, Rs256 };

/// A certificate with its RSA private key, read for one use and gone afterwards.
class ClientCertificate {
 public:
  using Source = http::KeyPair::Source;

  /// INVALID_STATE saying what is wrong with it and what to do; nothing of it is quoted.
  static Result<ClientCertificate> load(const Source &source);

  std::string sha256_thumbprint() const;  ///< of the DER, base64url: x5t#S256
  std::string sha1_thumbprint() const;    ///< likewise: x5t
  UtcTicks not_after() const { return pair_.not_after(); }
  /// The certificate and what was found beside it, each as base64 of its DER: x5c.
  std::vector<std::string> chain() const;
  Result<Secret> sign(std::string_view text, SigningAlgorithm algorithm) const;

 private:
  explicit ClientCertificate(http::KeyPair pair);
  http::KeyPair pair_;
};

}  // namespace cordon::identity

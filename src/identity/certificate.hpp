#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secure.hpp"
#include "base/utc.hpp"

namespace cordon::identity {

enum class SigningAlgorithm { Ps256, Rs256 };

/// A certificate with its RSA private key, read for one use and gone afterwards: OpenSSL holds the key on the ordinary
/// heap while it is loaded, and wipes it when it is freed.
class ClientCertificate {
 public:
  /// What it is made of. All are borrowed.
  struct Source {
    explicit Source(const Secret &bytes_) : bytes(bytes_) {}
    const Secret &bytes;               ///< PEM, or PKCS #12 (PFX)
    const Secret *key = nullptr;       ///< PEM of the key when `bytes` is the certificate alone
    const Secret *password = nullptr;  ///< of the key or the PFX
    std::optional<bool> pfx;           ///< nullopt: as it looks
  };

  /// INVALID_STATE saying what is wrong with it and what to do; nothing of it is quoted.
  static Result<ClientCertificate> load(const Source &source);
  ~ClientCertificate();
  ClientCertificate(ClientCertificate &&) noexcept;
  ClientCertificate &operator=(ClientCertificate &&) noexcept;

  std::string sha256_thumbprint() const;  ///< of the DER, base64url: x5t#S256
  std::string sha1_thumbprint() const;    ///< likewise: x5t
  UtcTicks not_after() const;
  /// The certificate and what was found beside it, each as base64 of its DER: x5c.
  std::vector<std::string> chain() const;
  Result<Secret> sign(std::string_view text, SigningAlgorithm algorithm) const;

 private:
  struct Parts;
  explicit ClientCertificate(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace cordon::identity

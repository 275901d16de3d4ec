#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/secure.hpp"
#include "base/utc.hpp"

namespace cordon::http {

template <auto Free>
struct OpenSslDelete {
  template <class T>
  void operator()(T *object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, OpenSslDelete<&EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, OpenSslDelete<&X509_free>>;

/// The thread's queue of OpenSSL errors may be the host's: what is added while this lives goes away again.
class QuietErrors {
 public:
  QuietErrors();
  ~QuietErrors();
  QuietErrors(const QuietErrors &) = delete;
  QuietErrors &operator=(const QuietErrors &) = delete;
};

/// TLS error naming OpenSSL when this process' default library context has been left without what TLS and certificates
/// need: by OPENSSL_CONF, or by a host that has loaded providers, or turned FIPS on, for itself. libcurl knows no other
/// context. Cheap enough for each request.
Result<void> check_openssl();

/// All certificates of a PEM text, in its order; what else it holds is passed over.
std::vector<CertificatePtr> read_certificates(std::string_view pem);
UtcTicks not_after_of(const X509 *certificate);
UtcTicks not_before_of(const X509 *certificate);
/// A name as one printable line ("CN=Example CA, O=Example").
std::string text_of(const X509_NAME *name);

/// A certificate with its private key. OpenSSL holds the key on the ordinary heap for as long as it is loaded, and
/// wipes it when it is freed.
struct KeyPair {
  /// What it is made of. All are borrowed.
  struct Source {
    explicit Source(const Secret &bytes_) : bytes(bytes_) {}
    const Secret &bytes;                                   ///< PEM, or PKCS #12 (PFX)
    const Secret *key = nullptr;                           ///< PEM of the key when `bytes` is the certificate alone
    const Secret *password = nullptr;                      ///< of the key or the PFX
    std::optional<bool> pfx;                               ///< nullopt: as it looks
    const char *key_member = "key_file";                   ///< where the config names a key, for messages
    const char *password_member = "password_secret_name";  ///< likewise the password
  };
  /// INVALID_STATE saying what is wrong with it and what to do; nothing of it is quoted.
  static Result<KeyPair> load(const Source &source);

  UtcTicks not_after() const { return not_after_of(certificates.front().get()); }

  KeyPtr key;
  std::vector<CertificatePtr> certificates;  ///< the key's own first, then what was found beside it
};

}  // namespace cordon::http

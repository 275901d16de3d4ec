#pragma once

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace cordon::test {

/// A self-signed certificate with its key, in the forms a person may have it. Made for one test.
class RsaPair {
 public:
  /// `kind` "RSA" or "EC".
  explicit RsaPair(long days = 30, int bits = 2048, const std::string &kind = "RSA")
      : key_(kind == "RSA" ? EVP_RSA_gen(static_cast<unsigned>(bits)) : EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509 *x = certificate_.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
    X509_gmtime_adj(X509_getm_notBefore(x), -86'400 * 60);
    X509_gmtime_adj(X509_getm_notAfter(x), days * 86'400);
    X509_set_pubkey(x, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char *>("cordon test"), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_sign(x, key_.get(), EVP_sha256());
  }

  std::string certificate() const {
    const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
    PEM_write_bio_X509(bio.get(), certificate_.get());
    return text_of(bio.get());
  }
  /// Encrypted when there is a password.
  std::string key(const std::string &password = {}) const {
    const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
    PEM_write_bio_PrivateKey(bio.get(), key_.get(), password.empty() ? nullptr : EVP_aes_256_cbc(),
                             password.empty() ? nullptr : reinterpret_cast<const unsigned char *>(password.data()),
                             static_cast<int>(password.size()), nullptr, nullptr);
    return text_of(bio.get());
  }
  std::string public_key() const {
    const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
    PEM_write_bio_PUBKEY(bio.get(), key_.get());
    return text_of(bio.get());
  }
  std::string pem() const { return certificate() + key(); }
  std::string pfx(const std::string &password = {}) const {
    const std::unique_ptr<PKCS12, decltype(&PKCS12_free)> made(
        PKCS12_create(password.c_str(), "cordon", key_.get(), certificate_.get(), nullptr, 0, 0, 0, 0, 0),
        &PKCS12_free);
    const Bio bio(BIO_new(BIO_s_mem()), &BIO_free_all);
    i2d_PKCS12_bio(bio.get(), made.get());
    return text_of(bio.get());
  }
  /// The first bytes of the private exponent; `reversed` 1: of its little-endian form, as big numbers lie in memory.
  std::string private_bytes(int reversed, std::size_t count) const {
    BIGNUM *exponent = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), "d", &exponent);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(exponent)), '\0');
    auto *out = reinterpret_cast<unsigned char *>(bytes.data());
    if (reversed != 0)
      BN_bn2lebinpad(exponent, out, static_cast<int>(bytes.size()));
    else
      BN_bn2bin(exponent, out);
    BN_clear_free(exponent);
    return bytes.substr(0, count);
  }
  EVP_PKEY *handle() const { return key_.get(); }

 private:
  using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
  static std::string text_of(BIO *bio) {
    char *bytes = nullptr;
    const long size = BIO_get_mem_data(bio, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
  }
  struct KeyFree {
    void operator()(EVP_PKEY *key) const { EVP_PKEY_free(key); }
  };
  struct CertificateFree {
    void operator()(X509 *certificate) const { X509_free(certificate); }
  };
  std::unique_ptr<EVP_PKEY, KeyFree> key_;
  std::unique_ptr<X509, CertificateFree> certificate_;
};

}  // namespace cordon::test

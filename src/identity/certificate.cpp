#include "identity/certificate.hpp"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace cordon::identity {
namespace {

using http::QuietErrors;
using Digest = std::unique_ptr<EVP_MD_CTX, http::OpenSslDelete<&EVP_MD_CTX_free>>;
constexpr int kLeastKeyBits = 2048;

tl::unexpected<Error> unusable(const char *problem) {
  return fail(Status::InvalidState, problem);
}

std::string der_of(X509 *certificate) {
  std::string der(static_cast<std::size_t>(std::max(0, i2d_X509(certificate, nullptr))), '\0');
  auto *end = reinterpret_cast<unsigned char *>(der.data());
  i2d_X509(certificate, &end);
  return der;
}

std::string thumbprint(X509 *certificate, const EVP_MD *digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  X509_digest(certificate, digest, hash.data(), &size);
  return base64url_encode({reinterpret_cast<const char *>(hash.data()), size});
}

/// What the sign-in service takes (mde-api §2.3).
Result<void> check_key(const EVP_PKEY *key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
    return unusable(
        "its key is no RSA key, which is all the sign-in service takes; make a certificate with an RSA key");
  if (EVP_PKEY_get_bits(key) < kLeastKeyBits)
    return unusable("its RSA key has less than 2048 bits; make a new certificate");
  return {};
}

}  // namespace

Result<ClientCertificate> ClientCertificate::load(const Source &source) {
  Result<http::KeyPair> pair = http::KeyPair::load(source);
  if (!pair) return fail(std::move(pair.error()));
  if (auto good = check_key(pair->key.get()); !good) return fail(std::move(good.error()));
  return ClientCertificate(std::move(*pair));
}

ClientCertificate::ClientCertificate(http::KeyPair pair) : pair_(std::move(pair)) {}

std::string ClientCertificate::sha256_thumbprint() const {
  return thumbprint(pair_.certificates.front().get(), EVP_sha256());
}

std::string ClientCertificate::sha1_thumbprint() const {
  return thumbprint(pair_.certificates.front().get(), EVP_sha1());
}

std::vector<std::string> ClientCertificate::chain() const {
  std::vector<std::string> out;
  for (const http::CertificatePtr &certificate : pair_.certificates) {
    const std::string der = der_of(certificate.get());
    std::string text(sodium_base64_encoded_len(der.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char *>(der.data()), der.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    text.pop_back();  // the NUL
    out.push_back(std::move(text));
  }
  return out;
}

Result<Secret> ClientCertificate::sign(std::string_view text, SigningAlgorithm algorithm) const {
  const QuietErrors quiet;
  const Digest digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX *context = nullptr;  // owned by `digest`
  bool good = digest && EVP_DigestSignInit(digest.get(), &context, EVP_sha256(), nullptr, pair_.key.get()) == 1;
  if (good && algorithm == SigningAlgorithm::Ps256)
    good = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
  Secret signature = Secret::zeros(static_cast<std::size_t>(EVP_PKEY_get_size(pair_.key.get())));
  std::size_t size = signature.size();
  good = good && EVP_DigestSign(digest.get(), signature.bytes(), &size,
                                reinterpret_cast<const unsigned char *>(text.data()), text.size()) == 1;
  if (!good) return fail(Status::InvalidState, "OpenSSL can't sign with its key; check that the key is whole");
  signature.resize(size);
  return signature;
}

}  // namespace cordon::identity

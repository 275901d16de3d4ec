#include "emulator/signed_token.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>

#include "base/text.hpp"
#include "emulator/openssl_owner.hpp"

namespace cordon::emulator {
namespace {

constexpr std::int64_t kClockTolerance_s = 300;

Bio memory_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string thumbprint(const X509 *certificate, const EVP_MD *digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  X509_digest(certificate, digest, hash.data(), &size);
  return base64url_encode({reinterpret_cast<const char *>(hash.data()), size});
}

std::optional<Json> json_part(std::string_view part) {
  const auto text = base64url_decode(part);
  if (!text) return std::nullopt;
  auto json = parse_json(*text, "token");
  if (!json || !json->is_object()) return std::nullopt;
  return std::move(*json);
}

}  // namespace

Result<PublicKey> PublicKey::read(const std::string &pem) {
  EVP_PKEY *key = PEM_read_bio_PUBKEY(memory_of(pem).get(), nullptr, nullptr, nullptr);
  if (key == nullptr) {
    const Certificate certificate(PEM_read_bio_X509(memory_of(pem).get(), nullptr, nullptr, nullptr));
    if (certificate) key = X509_get_pubkey(certificate.get());
  }
  if (key == nullptr) return fail(Status::InvalidArgument, "there is no public key and no certificate in the PEM");
  PublicKey out;
  out.key_ = std::shared_ptr<void>(key, [](void *one) { EVP_PKEY_free(static_cast<EVP_PKEY *>(one)); });
  return out;
}

bool PublicKey::verifies(std::string_view algorithm, std::string_view text, std::string_view signature) const {
  auto *key = static_cast<EVP_PKEY *>(key_.get());
  const bool pss = algorithm == "PS256";
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || (!pss && algorithm != "RS256")) return false;
  const Digest digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX *context = nullptr;
  if (EVP_DigestVerifyInit(digest.get(), &context, EVP_sha256(), nullptr, key) != 1) return false;
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1))
    return false;
  return EVP_DigestVerify(digest.get(), reinterpret_cast<const unsigned char *>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char *>(text.data()), text.size()) == 1;
}

Result<RegisteredCertificate> RegisteredCertificate::read(const std::string &pem) {
  const Certificate certificate(PEM_read_bio_X509(memory_of(pem).get(), nullptr, nullptr, nullptr));
  auto key = PublicKey::read(pem);
  if (!certificate || !key) return fail(Status::InvalidArgument, "there is no certificate in the PEM");
  RegisteredCertificate out;
  out.key = std::move(*key);
  out.sha256 = thumbprint(certificate.get(), EVP_sha256());
  out.sha1 = thumbprint(certificate.get(), EVP_sha1());
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) == 1)
    out.not_after = UtcTicks::from_unix_seconds(timegm(&end));
  return out;
}

std::optional<SignedToken> SignedToken::parse(std::string_view text) {
  const std::size_t first = text.find('.'), last = text.rfind('.');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  auto header = json_part(text.substr(0, first));
  auto claims = json_part(text.substr(first + 1, last - first - 1));
  auto signature = base64url_decode(text.substr(last + 1));
  if (!header || !claims || !signature) return std::nullopt;
  return SignedToken{std::move(*header), std::move(*claims), std::string(text.substr(0, last)), std::move(*signature)};
}

bool SignedToken::is_current(UtcTicks now) const {
  const std::int64_t at = now.unix_seconds();
  return int_or(claims, "exp", 0) > at - kClockTolerance_s && int_or(claims, "nbf", at) <= at + kClockTolerance_s;
}

}  // namespace cordon::emulator

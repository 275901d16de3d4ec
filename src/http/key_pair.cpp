#include "http/key_pair.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <new>

#include "base/text.hpp"

namespace cordon::http {
namespace {

void free_stack(STACK_OF(X509) * certificates) {
  sk_X509_pop_free(certificates, X509_free);
}
using BioPtr = std::unique_ptr<BIO, OpenSslDelete<&BIO_free_all>>;
using CertificateStack = std::unique_ptr<STACK_OF(X509), OpenSslDelete<&free_stack>>;
using PfxPtr = std::unique_ptr<PKCS12, OpenSslDelete<&PKCS12_free>>;

constexpr std::size_t kLongestName = 160;

tl::unexpected<Error> unusable(std::string problem) {
  return fail(Status::InvalidState, std::move(problem));
}

BioPtr memory_of(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

/// OpenSSL would ask on the terminal if it were given no callback. `self` is the password or nullptr.
int give_password(char *out, int size, int, void *self) {
  const auto *password = static_cast<const Secret *>(self);
  if (password == nullptr || password->size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(out, password->bytes(), password->size());
  return static_cast<int>(password->size());
}

KeyPtr read_key(const Secret &pem, const Secret *password) {
  const BioPtr bio = memory_of(pem.reveal());
  return KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_password, const_cast<Secret *>(password)));
}

bool looks_like_pem(const Secret &bytes) {
  return bytes.reveal().find("-----BEGIN ") != std::string_view::npos;
}

UtcTicks ticks_of(const ASN1_TIME *time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return UtcTicks::from_unix_seconds(timegm(&parts));
}

Result<KeyPair> from_pem(const KeyPair::Source &source) {
  const Secret &holder = source.key != nullptr ? *source.key : source.bytes;
  KeyPair pair;
  pair.key = read_key(holder, source.password);
  if (!pair.key) {
    if (holder.reveal().find("ENCRYPTED") == std::string_view::npos)
      return unusable(fmt::format("it holds no private key; give certificate and key in one PEM, or the key in {}",
                                  source.key_member));
    return source.password == nullptr
               ? unusable(fmt::format("its private key is encrypted; store the password and name it in {}",
                                      source.password_member))
               : unusable("the password does not open its private key; store the right one");
  }
  pair.certificates = read_certificates(source.bytes.reveal());
  if (pair.certificates.empty()) return unusable("it holds no certificate; give certificate and key in one PEM");
  return pair;
}

Result<KeyPair> from_pfx(const KeyPair::Source &source) {
  const BioPtr bio = memory_of(source.bytes.reveal());
  const PfxPtr pfx(d2i_PKCS12_bio(bio.get(), nullptr));
  if (!pfx) return unusable("it is neither PEM nor PKCS #12 (PFX); export it again");
  Secret password = source.password != nullptr ? source.password->clone() : Secret();
  const auto size = static_cast<int>(password.size());
  password.push_back('\0');
  // "No password" is written in two ways.
  const bool fits = PKCS12_verify_mac(pfx.get(), password.data(), size) == 1 ||
                    (size == 0 && PKCS12_verify_mac(pfx.get(), nullptr, 0) == 1);
  if (!fits)
    return source.password == nullptr
               ? unusable(
                     fmt::format("it is protected by a password; store that and name it in {}", source.password_member))
               : unusable("the password does not open it; store the right one");
  EVP_PKEY *key = nullptr;
  X509 *certificate = nullptr;
  STACK_OF(X509) *others = nullptr;
  const bool opened = PKCS12_parse(pfx.get(), password.data(), &key, &certificate, &others) == 1;
  KeyPair pair;
  pair.key.reset(key);
  const CertificateStack more(others);
  if (certificate != nullptr) pair.certificates.emplace_back(certificate);
  if (!opened)
    return unusable("it is encrypted in a way OpenSSL no longer takes; export it again with AES-256 and SHA-256");
  for (int i = 0; more && i < sk_X509_num(more.get()); ++i) {
    X509 *one = sk_X509_value(more.get(), i);
    X509_up_ref(one);
    pair.certificates.emplace_back(one);
  }
  if (!pair.key || pair.certificates.empty()) return unusable("it must hold a certificate and its private key");
  return pair;
}

}  // namespace

QuietErrors::QuietErrors() {
  ERR_set_mark();
}
QuietErrors::~QuietErrors() {
  ERR_pop_to_mark();
}

Result<void> check_openssl() {
  if (OPENSSL_init_crypto(0, nullptr) != 1)
    return fail(Status::Tls,
                "the host has ended OpenSSL in this process by OPENSSL_cleanup, which can't be undone; call it "
                "behind the last use of Cordon");
  const QuietErrors quiet;
  using DigestPtr = std::unique_ptr<EVP_MD, OpenSslDelete<&EVP_MD_free>>;
  if (DigestPtr(EVP_MD_fetch(nullptr, "SHA2-256", nullptr))) return {};
  return fail(Status::Tls,
              "OpenSSL has no SHA-256 in this process; its configuration (OPENSSL_CONF), or the host, has left the "
              "default provider out or asks for FIPS without the provider of it; activate one of them");
}

std::vector<CertificatePtr> read_certificates(std::string_view pem) {
  std::vector<CertificatePtr> out;
  const BioPtr bio = memory_of(pem);
  while (X509 *one = PEM_read_bio_X509(bio.get(), nullptr, &give_password, nullptr)) out.emplace_back(one);
  return out;
}

UtcTicks not_after_of(const X509 *certificate) {
  return ticks_of(X509_get0_notAfter(certificate));
}

UtcTicks not_before_of(const X509 *certificate) {
  return ticks_of(X509_get0_notBefore(certificate));
}

std::string text_of(const X509_NAME *name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr) throw std::bad_alloc();
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char *bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  if (bytes == nullptr || size <= 0) return {};
  return printable({bytes, static_cast<std::size_t>(size)}, kLongestName);
}

Result<KeyPair> KeyPair::load(const Source &source) {
  const QuietErrors quiet;
  if (auto able = check_openssl(); !able) return fail(std::move(able.error()));
  const bool pfx = source.pfx.value_or(!looks_like_pem(source.bytes));
  Result<KeyPair> pair = pfx ? from_pfx(source) : from_pem(source);
  if (!pair) return pair;
  const auto ours = std::find_if(
      pair->certificates.begin(), pair->certificates.end(),
      [&pair](const CertificatePtr &one) { return X509_check_private_key(one.get(), pair->key.get()) == 1; });
  if (ours == pair->certificates.end()) return unusable("its certificate and private key do not belong together");
  std::rotate(pair->certificates.begin(), ours, ours + 1);
  return pair;
}

}  // namespace cordon::http

#include "identity/certificate.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "base/text.hpp"

namespace cordon::identity {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T *object) const {
    Free(object);
  }
};
void free_certificates(STACK_OF(X509) * certificates) {
  sk_X509_pop_free(certificates, X509_free);
}
using Bio = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<&X509_free>>;
using Certificates = std::unique_ptr<STACK_OF(X509), Freed<&free_certificates>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<&EVP_MD_CTX_free>>;
using Pfx = std::unique_ptr<PKCS12, Freed<&PKCS12_free>>;

constexpr int kLeastKeyBits = 2048;

/// The thread's queue of OpenSSL errors may be the host's: what we add goes away again.
class QuietErrors {
 public:
  QuietErrors() { ERR_set_mark(); }
  ~QuietErrors() { ERR_pop_to_mark(); }
  QuietErrors(const QuietErrors &) = delete;
  QuietErrors &operator=(const QuietErrors &) = delete;
};

tl::unexpected<Error> refuse(const char *problem) {
  return fail(Status::InvalidState, problem);
}

Bio memory_of(const Secret &bytes) {
  return Bio(BIO_new_mem_buf(bytes.reveal().data(), static_cast<int>(bytes.size())));
}

/// OpenSSL would ask on the terminal if it were given no callback. `self` is the password or nullptr.
int give_password(char *out, int size, int, void *self) {
  const auto *password = static_cast<const Secret *>(self);
  if (password == nullptr || password->size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(out, password->bytes(), password->size());
  return static_cast<int>(password->size());
}

Key read_key(const Secret &pem, const Secret *password) {
  const Bio bio = memory_of(pem);
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_password, const_cast<Secret *>(password)));
}

std::vector<Certificate> read_certificates(const Secret &pem) {
  std::vector<Certificate> out;
  const Bio bio = memory_of(pem);
  while (X509 *one = PEM_read_bio_X509(bio.get(), nullptr, &give_password, nullptr)) out.emplace_back(one);
  return out;
}

bool looks_like_pem(const Secret &bytes) {
  return bytes.reveal().find("-----BEGIN ") != std::string_view::npos;
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

}  // namespace

struct ClientCertificate::Parts {
  Key key;
  std::vector<Certificate> certificates;  ///< ours first

  static Result<Parts> from_pem(const Source &source);
  static Result<Parts> from_pfx(const Source &source);
  Result<void> check();
};

Result<ClientCertificate::Parts> ClientCertificate::Parts::from_pem(const Source &source) {
  Parts parts;
  parts.key = read_key(source.key != nullptr ? *source.key : source.bytes, source.password);
  if (!parts.key) {
    const bool encrypted =
        (source.key != nullptr ? *source.key : source.bytes).reveal().find("ENCRYPTED") != std::string_view::npos;
    if (!encrypted)
      return refuse("it holds no private key; give certificate and key in one PEM, or the key in key_file");
    return source.password == nullptr
               ? refuse("its private key is encrypted; store the password and name it in password_secret_name")
               : refuse("the password does not open its private key; store the right one");
  }
  parts.certificates = read_certificates(source.bytes);
  if (parts.certificates.empty()) return refuse("it holds no certificate; give certificate and key in one PEM");
  return parts;
}

Result<ClientCertificate::Parts> ClientCertificate::Parts::from_pfx(const Source &source) {
  const Bio bio = memory_of(source.bytes);
  const Pfx pfx(d2i_PKCS12_bio(bio.get(), nullptr));
  if (!pfx) return refuse("it is neither PEM nor PKCS #12 (PFX); export it again");
  Secret password = source.password != nullptr ? source.password->clone() : Secret();
  const auto size = static_cast<int>(password.size());
  password.push_back('\0');
  // "No password" is written in two ways.
  const bool fits = PKCS12_verify_mac(pfx.get(), password.data(), size) == 1 ||
                    (size == 0 && PKCS12_verify_mac(pfx.get(), nullptr, 0) == 1);
  if (!fits)
    return source.password == nullptr
               ? refuse("it is protected by a password; store that and name it in password_secret_name")
               : refuse("the password does not open it; store the right one");
  EVP_PKEY *key = nullptr;
  X509 *certificate = nullptr;
  STACK_OF(X509) *others = nullptr;
  const bool opened = PKCS12_parse(pfx.get(), password.data(), &key, &certificate, &others) == 1;
  Parts parts;
  parts.key.reset(key);
  const Certificates more(others);
  if (certificate != nullptr) parts.certificates.emplace_back(certificate);
  if (!opened)
    return refuse("it is encrypted in a way OpenSSL no longer takes; export it again with AES-256 and SHA-256");
  for (int i = 0; more && i < sk_X509_num(more.get()); ++i) {
    X509 *one = sk_X509_value(more.get(), i);
    X509_up_ref(one);
    parts.certificates.emplace_back(one);
  }
  if (!parts.key || parts.certificates.empty()) return refuse("it must hold a certificate and its private key");
  return parts;
}

Result<void> ClientCertificate::Parts::check() {
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA)
    return refuse("its key is no RSA key, which is all the sign-in service takes; make a certificate with an RSA key");
  if (EVP_PKEY_get_bits(key.get()) < kLeastKeyBits)
    return refuse("its RSA key has less than 2048 bits; make a new certificate");
  const auto ours = std::find_if(certificates.begin(), certificates.end(), [this](const Certificate &one) {
    return X509_check_private_key(one.get(), key.get()) == 1;
  });
  if (ours == certificates.end()) return refuse("its certificate and private key do not belong together");
  std::rotate(certificates.begin(), ours, ours + 1);
  return {};
}

Result<ClientCertificate> ClientCertificate::load(const Source &source) {
  const QuietErrors quiet;
  const bool pfx = source.pfx.value_or(!looks_like_pem(source.bytes));
  auto parts = pfx ? Parts::from_pfx(source) : Parts::from_pem(source);
  if (!parts) return fail(std::move(parts.error()));
  if (auto good = parts->check(); !good) return fail(std::move(good.error()));
  return ClientCertificate(std::make_unique<Parts>(std::move(*parts)));
}

ClientCertificate::ClientCertificate(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ClientCertificate::~ClientCertificate() = default;
ClientCertificate::ClientCertificate(ClientCertificate &&) noexcept = default;
ClientCertificate &ClientCertificate::operator=(ClientCertificate &&) noexcept = default;

std::string ClientCertificate::sha256_thumbprint() const {
  return thumbprint(parts_->certificates.front().get(), EVP_sha256());
}

std::string ClientCertificate::sha1_thumbprint() const {
  return thumbprint(parts_->certificates.front().get(), EVP_sha1());
}

UtcTicks ClientCertificate::not_after() const {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(parts_->certificates.front().get()), &time) != 1) return {};
  return UtcTicks::from_unix_seconds(timegm(&time));
}

std::vector<std::string> ClientCertificate::chain() const {
  std::vector<std::string> out;
  for (const Certificate &certificate : parts_->certificates) {
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
  bool good = digest && EVP_DigestSignInit(digest.get(), &context, EVP_sha256(), nullptr, parts_->key.get()) == 1;
  if (good && algorithm == SigningAlgorithm::Ps256)
    good = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
  Secret signature = Secret::zeros(static_cast<std::size_t>(EVP_PKEY_get_size(parts_->key.get())));
  std::size_t size = signature.size();
  good = good && EVP_DigestSign(digest.get(), signature.bytes(), &size,
                                reinterpret_cast<const unsigned char *>(text.data()), text.size()) == 1;
  if (!good) return fail(Status::InvalidState, "OpenSSL can't sign with its key; check that the key is whole");
  signature.resize(size);
  return signature;
}

}  // namespace cordon::identity

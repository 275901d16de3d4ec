#include "emulator/credentials.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <chrono>
#include <fstream>
#include <iterator>

#include "base/json.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "emulator/openssl_owner.hpp"
#include "emulator/output_file.hpp"

namespace cordon::emulator {
namespace {

constexpr int kKeyBits = 2048;
constexpr long kCertificateSeconds = 365L * 86'400;
constexpr std::chrono::hours kAssertionLife(24);
constexpr const char *kIssuer = "https://issuer.emulator.example";
constexpr const char *kSubject = "system:serviceaccount:cordon:cordon";
constexpr const char *kAudience = "api://AzureADTokenExchange";

std::string read_text(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string text_of(BIO *bio) {
  char *bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string key_pem(EVP_PKEY *key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

std::string public_pem(EVP_PKEY *key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key);
  return text_of(bio.get());
}

std::string made_certificate_pem() {
  const Key key(EVP_RSA_gen(kKeyBits));
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  SystemRandom().fill(&serial, sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kCertificateSeconds);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME *name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char *>("emulator client"), -1,
                             -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate.get());
  return text_of(bio.get()) + key_pem(key.get());
}

Key issuer_key(const std::filesystem::path &path) {
  const std::string pem = read_text(path);
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

/// RS256, as Kubernetes signs the tokens of its service accounts.
std::string signed_assertion(EVP_PKEY *key, UtcTicks now) {
  const Json claims = {{"iss", kIssuer},
                       {"sub", kSubject},
                       {"aud", kAudience},
                       {"iat", now.unix_seconds()},
                       {"nbf", now.unix_seconds()},
                       {"exp", (now + kAssertionLife).unix_seconds()}};
  const std::string text = base64url_encode(R"({"alg":"RS256","typ":"JWT"})") + "." + base64url_encode(dump(claims));
  const Digest digest(EVP_MD_CTX_new());
  EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key);
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = signature.size();
  EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char *>(signature.data()), &size,
                 reinterpret_cast<const unsigned char *>(text.data()), text.size());
  signature.resize(size);
  return text + "." + base64url_encode(signature);
}

}  // namespace

Result<CredentialFiles> provide_credentials(const std::filesystem::path &directory, App &app, UtcTicks now) {
  if (auto made = make_private_directory(directory); !made) return fail(made.error());
  const CredentialFiles files{directory / "client.pem", directory / "assertion.jwt"};

  auto certificate = RegisteredCertificate::read(read_text(files.certificate));
  if (!certificate || certificate->not_after <= now) {
    const std::string pem = made_certificate_pem();
    if (auto written = write_file(files.certificate, pem, 0600); !written) return fail(written.error());
    certificate = RegisteredCertificate::read(pem);
    if (!certificate) return fail(certificate.error());
  }
  app.certificates.push_back(std::move(*certificate));

  const std::filesystem::path key_file = directory / "issuer.key";
  Key key = issuer_key(key_file);
  if (!key) {
    key.reset(EVP_RSA_gen(kKeyBits));
    if (auto written = write_file(key_file, key_pem(key.get()), 0600); !written) return fail(written.error());
  }
  auto public_key = PublicKey::read(public_pem(key.get()));
  if (!public_key) return fail(public_key.error());
  app.federated.push_back({kIssuer, kSubject, kAudience, std::move(*public_key)});
  if (auto written = write_file(files.assertion, signed_assertion(key.get(), now), 0600); !written)
    return fail(written.error());
  return files;
}

}  // namespace cordon::emulator

#include "emulator/certificates.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/random.hpp"
#include "emulator/openssl_owner.hpp"
#include "emulator/output_file.hpp"

namespace cordon::emulator {
namespace {

constexpr long kDay = 86'400;
constexpr long kCaDays = 3650;
constexpr long kServerDays = 820;  ///< some clients refuse more than 825

struct Pair {
  Certificate certificate;
  Key key;
  explicit operator bool() const { return certificate && key; }
};

std::string text_of(BIO *bio) {
  char *bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

Pair load(const std::filesystem::path &certificate, const std::filesystem::path &key) {
  const Bio certificate_file(BIO_new_file(certificate.c_str(), "r")), key_file(BIO_new_file(key.c_str(), "r"));
  if (!certificate_file || !key_file) return {};
  return {Certificate(PEM_read_bio_X509(certificate_file.get(), nullptr, nullptr, nullptr)),
          Key(PEM_read_bio_PrivateKey(key_file.get(), nullptr, nullptr, nullptr))};
}

Result<void> save(const Pair &pair, const std::filesystem::path &certificate, const std::filesystem::path &key) {
  const Bio certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_text.get(), pair.certificate.get());
  PEM_write_bio_PrivateKey(key_text.get(), pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  if (auto done = write_file(key, text_of(key_text.get()), 0600); !done) return done;
  return write_file(certificate, text_of(certificate_text.get()), 0644);
}

bool is_current(const X509 *certificate) {
  return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
         X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

bool carries(X509 *certificate, const std::string &name) {
  return X509_check_ip_asc(certificate, name.c_str(), 0) == 1 ||
         X509_check_host(certificate, name.data(), name.size(), 0, nullptr) == 1;
}

bool serves(const Pair &server, const Pair &ca, const std::vector<std::string> &names) {
  if (!server || !is_current(server.certificate.get())) return false;
  if (X509_verify(server.certificate.get(), ca.key.get()) != 1) return false;
  for (const std::string &name : names)
    if (!carries(server.certificate.get(), name)) return false;
  return true;
}

void add_extension(X509 *certificate, X509 *issuer, int nid, const std::string &value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension) X509_add_ext(certificate, extension.get(), -1);
}

/// An unsigned certificate with a fresh key.
Pair make_unsigned(const std::string &common_name, long days) {
  Pair pair{Certificate(X509_new()), Key(EVP_EC_gen("P-256"))};
  X509 *certificate = pair.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  std::uint64_t serial = 0;
  SystemRandom().fill(&serial, sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), days * kDay);
  X509_set_pubkey(certificate, pair.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char *>(common_name.c_str()), -1, -1, 0);
  return pair;
}

Pair make_ca() {
  Pair ca = make_unsigned("Cordon emulator CA", kCaDays);
  X509 *certificate = ca.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
  X509_sign(certificate, ca.key.get(), EVP_sha256());
  return ca;
}

bool is_ip_address(const std::string &name) {
  const std::unique_ptr<ASN1_OCTET_STRING, Freed<&ASN1_OCTET_STRING_free>> address(a2i_IPADDRESS(name.c_str()));
  return address != nullptr;
}

Pair make_server(const Pair &ca, const std::vector<std::string> &names) {
  Pair server = make_unsigned("Cordon emulator", kServerDays);
  X509 *certificate = server.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(ca.certificate.get()));
  std::string alternatives;
  for (const std::string &name : names)
    alternatives += (alternatives.empty() ? "" : ",") + std::string(is_ip_address(name) ? "IP:" : "DNS:") + name;
  add_extension(certificate, ca.certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate, ca.certificate.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, ca.certificate.get(), NID_ext_key_usage, "serverAuth");
  add_extension(certificate, ca.certificate.get(), NID_subject_alt_name, alternatives);
  add_extension(certificate, ca.certificate.get(), NID_authority_key_identifier, "keyid:always");
  X509_sign(certificate, ca.key.get(), EVP_sha256());
  return server;
}

}  // namespace

Result<CertificateFiles> provide_certificates(const std::filesystem::path &directory,
                                              const std::vector<std::string> &names) {
  for (const std::string &name : names)
    if (name.empty() || name.find_first_of(",=\n ") != std::string::npos)
      return fail(Status::InvalidArgument, "a name for the server certificate must be a host name or an IP address");
  if (auto made = make_private_directory(directory); !made) return fail(made.error());
  const CertificateFiles files{directory / "ca.pem", directory / "server.pem", directory / "server.key"};
  const std::filesystem::path ca_key = directory / "ca.key";

  Pair ca = load(files.ca, ca_key);
  if (!ca || !is_current(ca.certificate.get())) {
    ca = make_ca();
    if (auto saved = save(ca, files.ca, ca_key); !saved) return fail(saved.error());
  }
  if (!serves(load(files.server, files.key), ca, names)) {
    const Pair server = make_server(ca, names);
    if (!serves(server, ca, names))
      return fail(Status::InvalidArgument,
                  fmt::format("OpenSSL could not make a certificate for {}; check --tls-name", fmt::join(names, ", ")));
    if (auto saved = save(server, files.server, files.key); !saved) return fail(saved.error());
  }
  return files;
}

}  // namespace cordon::emulator

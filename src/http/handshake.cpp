#include "http/handshake.hpp"

#include <openssl/x509v3.h>

#include <new>
#include <utility>

#include "base/text.hpp"

namespace cordon::http {
namespace {

/// What a context keeps for the callbacks; goes with it.
struct Attachment {
  std::shared_ptr<const TlsMaterial> material;
  std::shared_ptr<Handshake> handshake;
};

void free_attachment(void *, void *attachment, CRYPTO_EX_DATA *, int, long, void *) {
  delete static_cast<Attachment *>(attachment);
}

int attachment_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_attachment);
  return index;
}

Attachment &attachment_of(const SSL *ssl) {
  return *static_cast<Attachment *>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), attachment_index()));
}

std::string names_of(X509 *certificate) {
  constexpr int kMost = 3;
  std::string out;
  auto *names = static_cast<GENERAL_NAMES *>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  int found = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && found < kMost; ++i) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    const auto *text = reinterpret_cast<const char *>(ASN1_STRING_get0_data(name->d.dNSName));
    out += (found++ > 0 ? ", " : "") +
           printable({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))}, 100);
  }
  GENERAL_NAMES_free(names);
  return out.empty() ? text_of(X509_get_subject_name(certificate)) : out;
}

void note_refusal(Handshake &handshake, X509_STORE_CTX *chain) {
  handshake.verdict = X509_STORE_CTX_get_error(chain);
  if (X509 *certificate = X509_STORE_CTX_get_current_cert(chain)) {
    handshake.faulty = text_of(X509_get_subject_name(certificate));
    handshake.not_before = not_before_of(certificate);
    handshake.not_after = not_after_of(certificate);
  }
  const STACK_OF(X509) *certificates = X509_STORE_CTX_get0_chain(chain);
  if (const int count = sk_X509_num(certificates); count > 0)
    handshake.chain_end = text_of(X509_get_issuer_name(sk_X509_value(certificates, count - 1)));
}

/// Changes nothing about the verdict.
int on_verify(int good, X509_STORE_CTX *chain) {
  try {
    const auto *ssl = static_cast<SSL *>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    Handshake &handshake = *attachment_of(ssl).handshake;
    if (good != 1) note_refusal(handshake, chain);
    if (X509_STORE_CTX_get_error_depth(chain) == 0)
      if (X509 *certificate = X509_STORE_CTX_get_current_cert(chain)) handshake.names = names_of(certificate);
  } catch (...) {  // out of memory: the verdict stands without its story
    return good;
  }
  return good;
}

/// The server asks for a certificate.
int on_certificate_wanted(SSL *ssl, void *) {
  const Attachment &attachment = attachment_of(ssl);
  Handshake &handshake = *attachment.handshake;
  handshake.certificate_wanted = true;
  try {
    const STACK_OF(X509_NAME) *issuers = SSL_get0_peer_CA_list(ssl);
    if (sk_X509_NAME_num(issuers) > 0) handshake.wanted_issuer = text_of(sk_X509_NAME_value(issuers, 0));
  } catch (...) {
    handshake.wanted_issuer.clear();
  }
  if (!attachment.material->client) return 1;
  const KeyPair &client = *attachment.material->client;
  bool good = SSL_use_certificate(ssl, client.certificates.front().get()) == 1 &&
              SSL_use_PrivateKey(ssl, client.key.get()) == 1 && SSL_clear_chain_certs(ssl) == 1;
  for (std::size_t i = 1; good && i < client.certificates.size(); ++i)
    good = SSL_add1_chain_cert(ssl, client.certificates[i].get()) == 1;
  handshake.certificate_shown = good;
  return good ? 1 : 0;
}

void on_state(const SSL *ssl, int where, int value) {
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT) return;
  if (const int alert = value & 0xff; alert != SSL3_AD_CLOSE_NOTIFY) attachment_of(ssl).handshake->alert = alert;
}

}  // namespace

void prepare_context(SSL_CTX *context, std::shared_ptr<const TlsMaterial> material,
                     std::shared_ptr<Handshake> handshake) {
  if (SSL_CTX_set1_cert_store(context, material->trusted.get()), attachment_index() < 0) throw std::bad_alloc();
  auto attachment = std::make_unique<Attachment>(Attachment{std::move(material), std::move(handshake)});
  if (SSL_CTX_set_ex_data(context, attachment_index(), attachment.get()) != 1) throw std::bad_alloc();
  (void)attachment.release();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &on_verify);
  SSL_CTX_set_cert_cb(context, &on_certificate_wanted, nullptr);
  SSL_CTX_set_info_callback(context, &on_state);
  // libcurl writes the keys of every connection to a file if SSLKEYLOGFILE says so; tokens are on those connections.
  SSL_CTX_set_keylog_callback(context, nullptr);
}

std::shared_ptr<const Handshake> handshake_of(const SSL *connection) {
  return attachment_of(connection).handshake;
}

}  // namespace cordon::http

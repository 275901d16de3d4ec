#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/utc.hpp"
#include "http/tls_material.hpp"

namespace cordon::http {

/// What one TLS handshake showed, for saying why it failed. Names come from the peer and are made printable.
struct Handshake {
  bool certificate_wanted = false;  ///< the server has asked who we are
  bool certificate_shown = false;
  std::string wanted_issuer;  ///< the first CA whose certificates it takes, if it says so
  int alert = 0;              ///< the peer's last one (RFC 8446 §6); 0: none

  // of the server's certificate
  long verdict = 0;       ///< X509_V_…; 0: not refused
  std::string names;      ///< what it is for, at most three
  std::string faulty;     ///< subject of the certificate that was refused
  std::string chain_end;  ///< issuer of the last certificate of the chain
  UtcTicks not_before;    ///< of the refused one
  UtcTicks not_after;
};

/// Gives a context that libcurl has just made its trust and its certificate, and has it note what happens.
/// Throws std::bad_alloc.
void prepare_context(SSL_CTX *context, std::shared_ptr<const TlsMaterial> material,
                     std::shared_ptr<Handshake> handshake);

/// What the handshake of a connection whose context was prepared here has shown.
std::shared_ptr<const Handshake> handshake_of(const SSL *connection);

}  // namespace cordon::http

#pragma once

#include <string>

#include "base/error.hpp"
#include "http/transfer.hpp"

namespace cordon::http {

/// The alert of a server that got no client certificate (RFC 8446 §6.2).
constexpr int kCertificateRequired = 116;

/// The peer's last alert was about our client certificate.
bool is_about_client_certificate(const Handshake &handshake);
/// "gateway.example wants a client certificate; …", or why it does not accept the one it was shown. `alert` 0: it did
/// not say why. The transfer has begun a handshake.
std::string client_certificate_refused(const Transfer &transfer, int alert);
/// The server's certificate (or the proxy's) was refused by us. TLS, naming what is wrong and what to do.
Error server_certificate_refused(const Transfer &transfer);
/// The handshake failed otherwise: TLS, or NETWORK when the connection was cut.
Error handshake_failed(const Transfer &transfer);

}  // namespace cordon::http

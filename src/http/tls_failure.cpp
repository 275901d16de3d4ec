#include "http/tls_failure.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "http/failure.hpp"

namespace cordon::http {
namespace {

constexpr std::size_t kLongestReason = 160;

struct AlertText {
  int alert;
  const char *text;
};
constexpr std::array kClientAlerts = {
    AlertText{SSL_AD_BAD_CERTIFICATE, "it calls it bad"},
    AlertText{SSL_AD_UNSUPPORTED_CERTIFICATE, "it does not take this kind"},
    AlertText{SSL_AD_CERTIFICATE_REVOKED, "it says it was revoked"},
    AlertText{SSL_AD_CERTIFICATE_EXPIRED, "it says it has expired"},
    AlertText{SSL_AD_CERTIFICATE_UNKNOWN, "it can't use it"},
    AlertText{SSL_AD_UNKNOWN_CA, "it does not know its issuer"},
    AlertText{SSL_AD_ACCESS_DENIED, "it denies access"},
    AlertText{SSL_AD_DECRYPT_ERROR, "its signature was not accepted"},
    AlertText{SSL_AD_HANDSHAKE_FAILURE, "it does not say why"},
    AlertText{kCertificateRequired, "it wants another one"},
};

bool says(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The server, or the proxy when that is how far the transfer came.
std::string peer_of(const Transfer &transfer) {
  return transfer.at_proxy() ? "the proxy " + transfer.way().proxy->host() : host_of(transfer.request().url);
}

const char *check_where(const Transfer &transfer) {
  return transfer.at_proxy() ? "http.proxy" : "the configured URL, DNS and http.proxy";
}

Error tls_error(std::string message) {
  return Error(Status::Tls, std::move(message));
}

Error untrusted(const Transfer &transfer, const Handshake &handshake) {
  const Settings &settings = transfer.settings();
  const bool own = !settings.ca_file.empty() || !settings.ca_dir.empty();
  return tls_error(fmt::format(
      "the certificate of {} comes from an authority that is not trusted here: its chain ends at the issuer \"{}\", "
      "which is not among {}; if that authority is your own (a TLS inspecting proxy, a gateway), add its PEM to "
      "http.ca_file{}",
      peer_of(transfer), handshake.chain_end,
      !own                 ? "the system's CAs"
      : settings.system_ca ? "the system's CAs, http.ca_file and http.ca_dir"
                           : "the CAs of http.ca_file and http.ca_dir",
      own ? " or http.ca_dir" : " and set http.system_ca to keep the system's"));
}

}  // namespace

bool is_about_client_certificate(const Handshake &handshake) {
  return handshake.certificate_wanted &&
         std::any_of(kClientAlerts.begin(), kClientAlerts.end(),
                     [&](const AlertText &known) { return known.alert == handshake.alert; });
}

std::string client_certificate_refused(const Transfer &transfer, int alert) {
  const Handshake &handshake = *transfer.handshake();
  const std::string peer = peer_of(transfer);
  const std::string of =
      handshake.wanted_issuer.empty() ? std::string() : fmt::format(" of the issuer \"{}\"", handshake.wanted_issuer);
  if (!handshake.certificate_shown)
    return fmt::format("{} wants a client certificate{}; name one in http.client_certificate_file", peer, of);
  const char *reason = "it does not say why";
  for (const AlertText &known : kClientAlerts)
    if (known.alert == alert) reason = known.text;
  X509 *shown = transfer.way().material->client->certificates.front().get();
  return fmt::format(
      "{} does not accept the client certificate \"{}\" (issued by \"{}\", good until {}): {}; renew it, or name one{} "
      "in "
      "http.client_certificate_file",
      peer, text_of(X509_get_subject_name(shown)), text_of(X509_get_issuer_name(shown)), not_after_of(shown).str(),
      reason, of);
}

Error server_certificate_refused(const Transfer &transfer) {
  static const Handshake none;
  const Handshake &handshake = transfer.handshake() != nullptr ? *transfer.handshake() : none;
  const std::string peer = peer_of(transfer);
  switch (handshake.verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return tls_error(
          fmt::format("the certificate \"{}\" of {} has expired at {}; have it renewed, or set this "
                      "machine's clock",
                      handshake.faulty, peer, handshake.not_after.str()));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return tls_error(
          fmt::format("the certificate \"{}\" of {} is not valid before {}; set this machine's clock "
                      "(timedatectl set-ntp true)",
                      handshake.faulty, peer, handshake.not_before.str()));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // a CA of the same name with another key
      return untrusted(transfer, handshake);
    case X509_V_OK:  // libcurl compares the name itself, behind the handshake
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return tls_error(fmt::format("{} shows a certificate for another name ({}); check {}", peer,
                                   handshake.names.empty() ? "none is known" : handshake.names, check_where(transfer)));
    default:
      return tls_error(fmt::format("the certificate \"{}\" of {} was refused: {}", handshake.faulty, peer,
                                   X509_verify_cert_error_string(handshake.verdict)));
  }
}

Error handshake_failed(const Transfer &transfer) {
  const std::string_view reason = transfer.reason();
  const std::string peer = peer_of(transfer);
  if (says(reason, "wrong version number") || says(reason, "packet length too long"))
    return tls_error(
        fmt::format("{} does not speak TLS on this port (plain HTTP?); check {}", peer, check_where(transfer)));
  if (transfer.handshake() != nullptr && transfer.handshake()->alert == SSL_AD_PROTOCOL_VERSION)
    return tls_error(
        fmt::format("{} offers TLS older than 1.2 only, which is never used; have its TLS brought up to date", peer));
  for (const char *cut : {"SSL_ERROR_SYSCALL", "Send failure:", "Recv failure:", "reset by peer", "unexpected eof"})
    if (says(reason, cut))
      return Error(Status::Network, fmt::format("{} closed the connection during the TLS handshake; check firewall and "
                                                "http.proxy",
                                                peer))
          .retry();
  return tls_error(
      fmt::format("no TLS connection with {} (1.2 or later is needed): {}", peer, printable(reason, kLongestReason)));
}

}  // namespace cordon::http

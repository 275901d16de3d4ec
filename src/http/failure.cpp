#include "http/failure.hpp"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/text.hpp"

namespace cordon::http {
namespace {

constexpr std::size_t kReasonLimit = 160;

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

long number(CURL *easy, CURLINFO what) {
  long value = 0;
  curl_easy_getinfo(easy, what, &value);
  return value;
}

bool reached(CURL *easy, CURLINFO when) {
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy, when, &microseconds);
  return microseconds > 0;
}

std::string seconds(nanoseconds duration) {
  return fmt::format("{:g} s", std::chrono::duration<double>(duration).count());
}

Error network(std::string message) {
  return Error(Status::Network, std::move(message)).retry();
}
Error tls(std::string message) {
  return Error(Status::Tls, std::move(message));
}

/// The connection is there or can't be had for a reason of the network between.
Error could_not_connect(const Transfer &transfer, const std::string &host) {
  const int os_error = static_cast<int>(number(transfer.easy(), CURLINFO_OS_ERRNO));
  const char *text = os_error != 0 ? strerrordesc_np(os_error) : nullptr;
  // libcurl names the peer it tried: another name than the URL's is a proxy's.
  const bool by_proxy = !contains(transfer.reason(), host.substr(0, host.rfind(':')));
  return network(
      fmt::format("could not connect to {}{}: {}; check {}", host, by_proxy ? " through the proxy" : "",
                  text != nullptr ? text : "no address of it answers",
                  by_proxy ? "http.proxy (or the environment's https_proxy)" : "network, firewall and http.proxy"));
}

Error certificate_refused(const Transfer &transfer, const std::string &host) {
  const long verdict = number(transfer.easy(), CURLINFO_SSL_VERIFYRESULT);
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return tls(fmt::format("the certificate of {} has expired; have it renewed, or set this machine's clock", host));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return tls(fmt::format("the certificate of {} is not valid yet; set this machine's clock", host));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return tls(
          fmt::format("the certificate of {} comes from an authority that is not trusted here; if that authority "
                      "is your own (a TLS inspecting proxy, a test server), name its PEM file in http.ca_file",
                      host));
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED:  // libcurl compares the name itself, before it asks for OpenSSL's verdict
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return tls(
          fmt::format("the server at {} shows a certificate for another name; check the configured URL, DNS and "
                      "http.proxy",
                      host));
    default:
      return tls(fmt::format("the certificate of {} was refused: {}", host, X509_verify_cert_error_string(verdict)));
  }
}

Error handshake_failed(const Transfer &transfer, const std::string &host) {
  const std::string_view reason = transfer.reason();
  if (contains(reason, "wrong version number") || contains(reason, "packet length too long"))
    return tls(
        fmt::format("the server at {} does not speak TLS on this port (plain HTTP?); check the configured URL and "
                    "http.proxy",
                    host));
  if (contains(reason, "SSL_ERROR_SYSCALL") || contains(reason, "Send failure:") || contains(reason, "Recv failure:") ||
      contains(reason, "reset by peer") || contains(reason, "unexpected eof"))
    return network(
        fmt::format("{} closed the connection during the TLS handshake; check firewall and http.proxy", host));
  return tls(
      fmt::format("no TLS connection with {} (1.2 or later is needed): {}", host, printable(reason, kReasonLimit)));
}

Error timed_out(const Transfer &transfer, const std::string &host) {
  if (transfer.sent())
    return network(
        fmt::format("{} did not answer completely within {}", host, seconds(transfer.settings().exchange_timeout)));
  const char *phase = !reached(transfer.easy(), CURLINFO_NAMELOOKUP_TIME_T) ? "its name was not resolved"
                      : number(transfer.easy(), CURLINFO_LOCAL_PORT) == 0   ? "nothing answers at its address"
                                                                            : "the TLS handshake was not finished";
  return network(
      fmt::format("no connection to {} within {} (http.connect_timeout_ms): {}; check DNS, network and "
                  "http.proxy",
                  host, seconds(transfer.settings().connect_timeout), phase));
}

Error connection_lost(const Transfer &transfer, const std::string &host) {
  if (!transfer.sent()) return network(fmt::format("{} closed the connection before the request was sent", host));
  return network(fmt::format("{} closed the connection before it had answered completely", host));
}

bool is_connection_phase(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT ||
         code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION;
}

Error unusable_answer(const Transfer &transfer, const std::string &host) {
  if (transfer.too_long())
    return Error(Status::InvalidResponse,
                 fmt::format("the answer of {} is longer than {} bytes", host, transfer.request().max_body));
  return Error(
             Status::InvalidResponse,
             fmt::format("{} answered with something that is not HTTP; check the configured URL and http.proxy", host))
      .retry();
}

}  // namespace

std::string host_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
  return printable(url, 260);
}

Result<void> check(const Request &request) {
  const std::string host = host_of(request.url);
  const std::string_view url = request.url;
  const auto scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  const bool known_scheme =
      equal_ignoring_case(scheme, "https") || (request.plain_http_allowed && equal_ignoring_case(scheme, "http"));
  if (!known_scheme)
    return fail(Status::Tls, fmt::format("the URL of {} must begin with https://", host.empty() ? "the server" : host));
  const std::string_view rest = url.substr(scheme_end + 3);
  if (host.empty() || contains(rest.substr(0, rest.find_first_of("/?#")), "@") || contains(url, " ") ||
      has_control_character(url))
    return fail(Status::InvalidArgument, fmt::format("the URL of {} is not well formed", host));
  if (std::any_of(request.headers.begin(), request.headers.end(), has_control_character) ||
      has_control_character(request.content_type))
    return fail(Status::InvalidArgument, fmt::format("a header of the request to {} holds a control character", host));
  if (request.bearer != nullptr && has_control_character(request.bearer->reveal()))
    return fail(Status::InvalidArgument, fmt::format("the access token for {} holds a control character", host));
  if (request.secret_header != nullptr && has_control_character(request.secret_header->reveal()))
    return fail(Status::InvalidArgument, fmt::format("a secret header for {} holds a control character", host));
  return {};
}

Error describe_failure(CURLcode code, const Transfer &transfer) {
  const std::string host = host_of(transfer.request().url);
  if (code == CURLE_OUT_OF_MEMORY || transfer.out_of_memory())
    return Error(Status::OutOfMemory, fmt::format("out of memory during a request to {}", host));
  if (!transfer.sent())
    if (const long proxy_status = number(transfer.easy(), CURLINFO_HTTP_CONNECTCODE); proxy_status >= 300)
      return network(
          fmt::format("the proxy refused a connection to {} (HTTP {}); check http.proxy", host, proxy_status));
  // Sent, and connecting again: the first connection died with the request on it, which is what counts.
  if (transfer.sent() && is_connection_phase(code)) return connection_lost(transfer, host);

  switch (code) {
    case CURLE_URL_MALFORMAT:
      return Error(Status::InvalidArgument, fmt::format("the URL of {} is not well formed", host));
    case CURLE_COULDNT_RESOLVE_HOST:
      return network(
          fmt::format("the name of {} could not be resolved; check DNS, and http.proxy if names are resolved "
                      "by a proxy",
                      host));
    case CURLE_COULDNT_RESOLVE_PROXY:
      return network(fmt::format("the name of the proxy to {} could not be resolved; check http.proxy", host));
    case CURLE_PROXY:
      return network(fmt::format("the proxy did not connect to {}; check http.proxy", host));
    case CURLE_COULDNT_CONNECT:
      return could_not_connect(transfer, host);
    case CURLE_OPERATION_TIMEDOUT:
      return timed_out(transfer, host);
    case CURLE_PEER_FAILED_VERIFICATION:
      return certificate_refused(transfer, host);
    case CURLE_SSL_CACERT_BADFILE:
      return tls(
          transfer.settings().ca_file.empty()
              ? fmt::format("no CA certificates to check {} with; install ca-certificates or set http.ca_file", host)
              : fmt::format("http.ca_file can't be read as PEM certificates, so {} can't be trusted", host));
    case CURLE_SSL_CONNECT_ERROR:
      return handshake_failed(transfer, host);
    case CURLE_WRITE_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return unusable_answer(transfer, host);
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return connection_lost(transfer, host);
    default:
      return network(fmt::format("the request to {} failed: {}", host, curl_easy_strerror(code)));
  }
}

}  // namespace cordon::http

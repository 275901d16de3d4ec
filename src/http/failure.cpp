#include "http/failure.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "base/text.hpp"
#include "http/tls_failure.hpp"

namespace cordon::http {
namespace {

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

/// The connection is there or can't be had for a reason of the network between.
Error could_not_connect(const Transfer &transfer, const std::string &host) {
  const int os_error = static_cast<int>(number(transfer.easy(), CURLINFO_OS_ERRNO));
  const char *known = os_error != 0 ? strerrordesc_np(os_error) : nullptr;
  const char *text = known != nullptr ? known : "no address of it answers";
  if (const Proxy *proxy = transfer.way().proxy)
    return network(fmt::format("could not connect to {} through the proxy {}: {}; check {}", host, proxy->host(), text,
                               proxy->place()));
  return network(fmt::format("could not connect to {}: {}; check network, firewall and http.proxy", host, text));
}

/// The proxy answered CONNECT with a refusal.
Error refused_by_proxy(const Transfer &transfer, const std::string &host) {
  const Proxy &proxy = *transfer.way().proxy;
  const long status = transfer.proxy_status();
  if (status == kProxyWantsSignIn) {
    const std::string offers = sign_in_names(transfer.proxy_offers());
    return Error(Status::Network,
                 fmt::format("the proxy {} wants a user and password (HTTP 407{}{}); store user:password in the vault "
                             "and name it in http.proxy_secret_name",
                             proxy.host(), offers.empty() ? "" : ", by ", offers))
        .at("/http/proxy_secret_name");
  }
  return network(fmt::format("the proxy {} refused a connection to {} (HTTP {}); have it allowed there, or check {}",
                             proxy.host(), host, status, proxy.place()));
}

Error timed_out(const Transfer &transfer, const std::string &host) {
  if (transfer.sent())
    return network(fmt::format("{} did not answer completely within {} (http.exchange_timeout_ms)", host,
                               seconds(transfer.settings().exchange_timeout)));
  const char *phase = !reached(transfer.easy(), CURLINFO_NAMELOOKUP_TIME_T) ? "its name was not resolved"
                      : number(transfer.easy(), CURLINFO_LOCAL_PORT) == 0   ? "nothing answers at its address"
                                                                            : "the TLS handshake was not finished";
  const Proxy *proxy = transfer.way().proxy;
  return network(fmt::format("no connection to {}{} within {} (http.connect_timeout_ms): {}; check DNS, network and {}",
                             host, proxy != nullptr ? " through the proxy " + proxy->host() : "",
                             seconds(transfer.settings().connect_timeout), phase,
                             proxy != nullptr ? proxy->place() : "http.proxy"));
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

/// Why no descriptor can be had; empty when one can. libcurl does not tell that it lacked one, and takes a name for one
/// that can't be resolved.
std::string lack_of_descriptors() {
  const Descriptor probe(open_file("/", O_PATH));
  return !probe && (errno == EMFILE || errno == ENFILE) ? system_reason(errno) : "";
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
  if (!transfer.sent() && transfer.way().proxy != nullptr && transfer.proxy_status() >= 300)
    return refused_by_proxy(transfer, host);
  if (transfer.handshake() != nullptr && is_about_client_certificate(*transfer.handshake()))
    return Error(Status::Tls, client_certificate_refused(transfer, transfer.handshake()->alert));
  // Sent, and connecting again: the first connection died with the request on it, which is what counts.
  if (transfer.sent() && is_connection_phase(code)) return connection_lost(transfer, host);
  if (!transfer.sent() && is_connection_phase(code))
    if (const std::string lack = lack_of_descriptors(); !lack.empty())
      return network(fmt::format("could not connect to {}: {}", host, lack));

  switch (code) {
    case CURLE_URL_MALFORMAT:
      return Error(Status::InvalidArgument, fmt::format("the URL of {} is not well formed", host));
    case CURLE_COULDNT_RESOLVE_HOST:
      return network(
          fmt::format("the name of {} could not be resolved; check DNS, and http.proxy if names are resolved "
                      "by a proxy",
                      host));
    case CURLE_COULDNT_RESOLVE_PROXY:
      return network(fmt::format("the name of the proxy {} could not be resolved; check DNS and {}",
                                 transfer.way().proxy->host(), transfer.way().proxy->place()));
    case CURLE_PROXY:
      return network(fmt::format("the proxy did not connect to {}; check http.proxy", host));
    case CURLE_COULDNT_CONNECT:
      return could_not_connect(transfer, host);
    case CURLE_OPERATION_TIMEDOUT:
      return timed_out(transfer, host);
    case CURLE_PEER_FAILED_VERIFICATION:
      return server_certificate_refused(transfer);
    case CURLE_SSL_CONNECT_ERROR:
      return handshake_failed(transfer);
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

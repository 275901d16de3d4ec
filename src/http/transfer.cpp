#include "http/transfer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <utility>

#include "base/text.hpp"
#include "http/tls_failure.hpp"

namespace cordon::http {
namespace {

constexpr std::size_t kLongestKeptHeader = 4096;
/// Idle connections older than this are not used again: the nearer to the server's own limit, the more likely it hangs
/// up on a request it has just been sent.
constexpr long kReuseIdleSeconds = 55;
constexpr long kKeepAliveSeconds = 30;

constexpr std::array<std::string_view, 9> kKeptHeaders = {
    "date",         "retry-after",       "content-type",    "www-authenticate",           "request-id",
    "x-request-id", "client-request-id", "x-ms-request-id", "x-ms-correlation-request-id"};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_kept(std::string_view name) {
  return std::any_of(kKeptHeaders.begin(), kKeptHeaders.end(),
                     [name](std::string_view kept) { return equal_ignoring_case(kept, name); });
}

template <class T>
void set(CURL *easy, CURLoption option, T value) {
  if (curl_easy_setopt(easy, option, value) == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
}

long to_ms(nanoseconds duration) {
  return static_cast<long>(std::chrono::ceil<milliseconds>(duration).count());
}

}  // namespace

Transfer::Transfer(std::shared_ptr<HandlePool> pool, const Way &way, const Request &request, const loop::Scope &scope,
                   loop::Sockets &sockets)
    : pool_(std::move(pool)), way_(way), request_(request), scope_(scope), sockets_(sockets), easy_(pool_->take()) {
  try {
    set_peer_options();
    set_tls_options();
    set_proxy_options();
    set_body_options();
    set_callbacks();
  } catch (...) {
    pool_->give_back(easy_);
    throw;
  }
}

Transfer::~Transfer() {
  pool_->give_back(easy_);
}

void Transfer::set_peer_options() {
  set(easy_, CURLOPT_URL, request_.url.c_str());
  set(easy_, CURLOPT_PROTOCOLS_STR, request_.plain_http_allowed ? "http,https" : "https");
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy_, CURLOPT_USERAGENT, settings().user_agent.c_str());
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, to_ms(settings().connect_timeout));
  set(easy_, CURLOPT_TIMEOUT_MS, to_ms(settings().exchange_timeout));
  set(easy_, CURLOPT_TCP_NODELAY, 1L);
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy_, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  set(easy_, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
  set(easy_, CURLOPT_MAXAGE_CONN, kReuseIdleSeconds);
}

/// Trust and certificate come from the material by on_context(). libcurl itself is told of no CA at all, so that it
/// would trust nobody if that were not called; the name of a directory that is not there keeps connections of different
/// materials apart.
void Transfer::set_tls_options() {
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy_, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy_, CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const char *match_key = way_.material ? way_.material->match_key.c_str() : nullptr;
  set(easy_, CURLOPT_CAINFO, static_cast<const char *>(nullptr));
  set(easy_, CURLOPT_CAPATH, match_key);
  set(easy_, CURLOPT_PROXY_CAINFO, static_cast<const char *>(nullptr));
  set(easy_, CURLOPT_PROXY_CAPATH, match_key);
  if (!way_.material) return;
  set(easy_, CURLOPT_SSL_CTX_FUNCTION, &Transfer::on_context);
  set(easy_, CURLOPT_SSL_CTX_DATA, static_cast<void *>(this));
}

/// Both are always set: otherwise libcurl would read the environment now.
void Transfer::set_proxy_options() {
  set(easy_, CURLOPT_NOPROXY, "");
  set(easy_, CURLOPT_PROXY, way_.proxy != nullptr ? way_.proxy->url().c_str() : "");
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!way_.sign_in) return;
  const ProxyCredentials &credentials = way_.sign_in->credentials();
  if (way_.sign_in->digest()) {  // libcurl answers the challenge; it copies what it is told here
    set(easy_, CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_DIGEST));
    set(easy_, CURLOPT_PROXYUSERNAME, credentials.user.reveal().data());
    set(easy_, CURLOPT_PROXYPASSWORD, credentials.password.reveal().data());
    return;
  }
  proxy_header_.data = const_cast<char *>(credentials.header.reveal().data());  // libcurl only reads it
  set(easy_, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  set(easy_, CURLOPT_PROXYHEADER, &proxy_header_);
}

void Transfer::set_body_options() {
  for (const std::string &header : request_.headers) headers_.add(header.c_str());
  if (request_.bearer != nullptr) headers_.add_bearer(*request_.bearer);
  if (request_.secret_header != nullptr) headers_.add_secret(*request_.secret_header);
  if (request_.method == Method::Delete) set(easy_, CURLOPT_CUSTOMREQUEST, "DELETE");
  if (request_.method == Method::Post) {
    const std::string_view body =
        request_.secret_body != nullptr ? request_.secret_body->reveal() : std::string_view(request_.body);
    set(easy_, CURLOPT_POST, 1L);
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(easy_, CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
    headers_.add_content_type(request_.content_type);
    headers_.add("Expect:");
  }
  set(easy_, CURLOPT_HTTPHEADER, headers_.finish());
}

void Transfer::set_callbacks() {
  set(easy_, CURLOPT_ERRORBUFFER, reason_);
  set(easy_, CURLOPT_PREREQFUNCTION, &Transfer::on_attempt);
  set(easy_, CURLOPT_PREREQDATA, static_cast<void *>(this));
  set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy_, CURLOPT_HEADERDATA, static_cast<void *>(this));
  set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy_, CURLOPT_WRITEDATA, static_cast<void *>(this));
}

long Transfer::proxy_status() const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_HTTP_CONNECTCODE, &status);
  return status;
}

long Transfer::proxy_offers() const {
  long offers = 0;
  curl_easy_getinfo(easy_, CURLINFO_PROXYAUTH_AVAIL, &offers);
  return offers;
}

bool Transfer::at_proxy() const {
  return !sent() && way_.proxy != nullptr && way_.proxy->speaks_tls() && handshakes_.size() < 2 && proxy_status() == 0;
}

Response Transfer::take_response() {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  explain_refusal();
  return std::move(response_);
}

void Transfer::use_new_connection() {
  dead_connection_ = false;
  handshakes_.clear();
  set(easy_, CURLOPT_FRESH_CONNECT, 1L);
}

bool Transfer::allow_attempt(int local_port) {
  // libcurl writes a request again, by itself, when a reused connection dies before the answer. Only a GET may.
  if (attempts_ > 0 && request_.method != Method::Get) return false;
  too_late_ = scope_.reason().has_value();
  if (too_late_) return false;
  if (sockets_.closed_by_peer(local_port)) {
    dead_connection_ = true;
    return false;
  }
  note_reused_connection();
  ++attempts_;
  if (request_.departing) request_.departing();
  return true;
}

bool Transfer::keep_header(std::string_view line) {
  if (line.starts_with("HTTP/")) {  // another answer begins; those before it were interim ones
    response_.headers.clear();
    return true;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (is_kept(name) && value.size() <= kLongestKeptHeader) response_.headers.emplace_back(to_lower(name), value);
  return true;
}

bool Transfer::keep_body(std::string_view bytes) {
  const std::size_t have = response_.body.size() + response_.secret_body.size();
  if (bytes.size() > request_.max_body - std::min(have, request_.max_body)) {
    too_long_ = true;
    return false;
  }
  if (request_.secret_response)
    response_.secret_body.append(bytes);
  else
    response_.body.append(bytes);
  return true;
}

void Transfer::secure(void *context) {
  auto handshake = std::make_shared<Handshake>();
  handshakes_.push_back(handshake);
  prepare_context(static_cast<SSL_CTX *>(context), way_.material, std::move(handshake));
}

/// nginx completes the handshake with whoever comes, and answers by itself when the certificate is not what it wants.
void Transfer::explain_refusal() {
  if (response_.status != 400 || handshake() == nullptr || !handshake()->certificate_wanted) return;
  const std::string_view body = request_.secret_response ? response_.secret_body.reveal() : response_.body;
  const bool none = body.find("No required SSL certificate was sent") != std::string_view::npos;
  if (!none && body.find("The SSL certificate error") == std::string_view::npos) return;
  response_.gateway_refusal = client_certificate_refused(*this, none ? kCertificateRequired : 0);
}

void Transfer::note_reused_connection() {
  if (!handshakes_.empty() || !way_.material) return;
  curl_tlssessioninfo *session = nullptr;
  if (curl_easy_getinfo(easy_, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || session == nullptr) return;
  if (session->backend == CURLSSLBACKEND_OPENSSL && session->internals != nullptr)
    handshakes_.push_back(handshake_of(static_cast<const SSL *>(session->internals)));
}

CURLcode Transfer::on_context(CURL *, void *context, void *self) {
  auto *transfer = static_cast<Transfer *>(self);
  try {
    transfer->secure(context);
    return CURLE_OK;
  } catch (...) {
    transfer->out_of_memory_ = true;
    return CURLE_OUT_OF_MEMORY;
  }
}

int Transfer::on_attempt(void *self, char *, char *, int, int local_port) {
  auto *transfer = static_cast<Transfer *>(self);
  try {
    return transfer->allow_attempt(local_port) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  } catch (...) {
    transfer->out_of_memory_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
}

std::size_t Transfer::on_header(char *bytes, std::size_t size, std::size_t count, void *self) {
  auto *transfer = static_cast<Transfer *>(self);
  try {
    return transfer->keep_header({bytes, size * count}) ? size * count : 0;
  } catch (...) {  // out of memory is all that can happen; no exception may cross libcurl
    transfer->out_of_memory_ = true;
    return 0;
  }
}

std::size_t Transfer::on_body(char *bytes, std::size_t size, std::size_t count, void *self) {
  auto *transfer = static_cast<Transfer *>(self);
  try {
    return transfer->keep_body({bytes, size * count}) ? size * count : 0;
  } catch (...) {
    transfer->out_of_memory_ = true;
    return 0;
  }
}

}  // namespace cordon::http

#include "http/transfer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <utility>

#include "base/text.hpp"

namespace cordon::http {
namespace {

constexpr std::size_t kLongestKeptHeader = 4096;
/// Idle connections older than this are not used again: the nearer to the server's own limit, the more likely it hangs
/// up on a request it has just been sent.
constexpr long kReuseIdleSeconds = 55;
/// A changed ca_file is noticed after this long.
constexpr long kReadCaFileAgainSeconds = 60;
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

Transfer::Transfer(std::shared_ptr<HandlePool> pool, const Settings &settings, const Request &request,
                   loop::Sockets &sockets)
    : pool_(std::move(pool)), settings_(settings), request_(request), sockets_(sockets), easy_(pool_->take()) {
  try {
    set_peer_options();
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
  set(easy_, CURLOPT_USERAGENT, settings_.user_agent.c_str());
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy_, CURLOPT_CA_CACHE_TIMEOUT, kReadCaFileAgainSeconds);
  if (!settings_.ca_file.empty()) {
    set(easy_, CURLOPT_CAINFO, settings_.ca_file.c_str());
    set(easy_, CURLOPT_CAPATH, static_cast<const char *>(nullptr));
    set(easy_, CURLOPT_PROXY_CAINFO, settings_.ca_file.c_str());
    set(easy_, CURLOPT_PROXY_CAPATH, static_cast<const char *>(nullptr));
  }
  if (request_.bypass_proxy)
    set(easy_, CURLOPT_PROXY, "");
  else if (settings_.proxy)
    set(easy_, CURLOPT_PROXY, settings_.proxy->c_str());
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, to_ms(settings_.connect_timeout));
  set(easy_, CURLOPT_TIMEOUT_MS, to_ms(settings_.exchange_timeout));
  set(easy_, CURLOPT_TCP_NODELAY, 1L);
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy_, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  set(easy_, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
  set(easy_, CURLOPT_MAXAGE_CONN, kReuseIdleSeconds);
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

Response Transfer::take_response() {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return std::move(response_);
}

void Transfer::use_new_connection() {
  dead_connection_ = false;
  set(easy_, CURLOPT_FRESH_CONNECT, 1L);
}

bool Transfer::allow_attempt(int local_port) {
  // libcurl writes a request again, by itself, when a reused connection dies before the answer. Only a GET may.
  if (attempts_ > 0 && request_.method != Method::Get) return false;
  if (sockets_.closed_by_peer(local_port)) {
    dead_connection_ = true;
    return false;
  }
  ++attempts_;
  if (request_.sent != nullptr) *request_.sent = true;
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

int Transfer::on_attempt(void *self, char *, char *, int, int local_port) {
  return static_cast<Transfer *>(self)->allow_attempt(local_port) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
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

#include "faults/holding_relay.hpp"

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace cordon::test {
namespace {

struct UpstreamAnswer {
  long status = 0;
  std::string headers;  ///< those that are given back
  std::string body;
};

std::size_t keep_body(char *bytes, std::size_t size, std::size_t count, void *into) {
  static_cast<UpstreamAnswer *>(into)->body.append(bytes, size * count);
  return size * count;
}

std::size_t keep_header(char *bytes, std::size_t size, std::size_t count, void *into) {
  const std::string_view line(bytes, size * count);
  for (const std::string_view name : {"Content-Type:", "Retry-After:", "Date:", "WWW-Authenticate:"})
    if (line.starts_with(name)) static_cast<UpstreamAnswer *>(into)->headers += line;
  return size * count;
}

std::string header_line(const std::string &head, std::string_view name) {
  const std::size_t at = head.find("\r\n" + std::string(name) + ":");
  return at == std::string::npos ? std::string() : head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
}

/// A connection of its own to the service, kept as long as the client's.
class Upstream {
 public:
  explicit Upstream(const std::string &ca_file) : easy_(curl_easy_init(), curl_easy_cleanup), ca_file_(ca_file) {}

  /// Nothing when the service hung up.
  std::optional<UpstreamAnswer> ask(const std::string &origin, const WireRequest &request) {
    CURL *easy = easy_.get();
    curl_easy_reset(easy);
    const std::size_t method_end = request.head.find(' '), target_end = request.head.find(' ', method_end + 1);
    const std::string method = request.head.substr(0, method_end);
    const std::string url = origin + request.head.substr(method_end + 1, target_end - method_end - 1);
    curl_slist *list = curl_slist_append(nullptr, "Expect:");
    for (const std::string_view name : {"Authorization", "Content-Type"})
      if (const std::string line = header_line(request.head, name); !line.empty())
        list = curl_slist_append(list, line.c_str());
    const std::unique_ptr<curl_slist, void (*)(curl_slist *)> headers(list, curl_slist_free_all);
    UpstreamAnswer answer;
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file_.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // A kept connection that dies would make libcurl send again: here that would be our doing.
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, method == "POST" ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    if (method == "POST") {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &keep_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &keep_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &answer);
    if (curl_easy_perform(easy) != CURLE_OK) return std::nullopt;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
  }

 private:
  std::unique_ptr<CURL, void (*)(CURL *)> easy_;
  std::string ca_file_;
};

}  // namespace

HoldingRelay::HoldingRelay(Identity identity, std::string upstream, std::string upstream_ca)
    : upstream_(std::move(upstream)),
      upstream_ca_(std::move(upstream_ca)),
      server_(std::move(identity), [this](TlsServer::Connection &connection) { serve(connection); }) {}

HoldingRelay::~HoldingRelay() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  changed_.notify_all();
}

void HoldingRelay::serve(TlsServer::Connection &connection) {
  Upstream upstream(upstream_ca_);
  while (const auto request = connection.read_request()) {
    const std::string machine = machine_of(*request);
    count(machine, &Count::read);
    if (!may_pass(machine, Stage::Request)) return;
    count(machine, &Count::passed_on);
    const auto answer = upstream.ask(upstream_, *request);
    if (!answer || !may_pass(machine, Stage::Answer)) return;
    connection.answer(static_cast<int>(answer->status), answer->body, answer->headers);
  }
}

bool HoldingRelay::may_pass(const std::string &machine, Stage stage) {
  std::unique_lock lock(mutex_);
  const auto found = holds_.find(machine);
  if (found == holds_.end() || found->second.stage != stage || found->second.held) return true;
  Hold &hold = found->second;  // stays where it is
  hold.held = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return ending_ || hold.let_go; });
  return hold.pass_on && !ending_;
}

void HoldingRelay::hold(const std::string &machine, Stage stage) {
  const std::lock_guard lock(mutex_);
  holds_.emplace(machine, Hold{.stage = stage});
}

bool HoldingRelay::wait_until_held(const std::string &machine) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return holds_.at(machine).held; });
}

void HoldingRelay::let_go(const std::string &machine, bool pass_on) {
  const std::lock_guard lock(mutex_);
  Hold &hold = holds_.at(machine);
  hold.pass_on = pass_on;
  hold.let_go = true;
  changed_.notify_all();
}

void HoldingRelay::count(const std::string &machine, long Count::*which) {
  const std::lock_guard lock(mutex_);
  ++(counts_[machine].*which);
}

long HoldingRelay::counted(const std::string &machine, long Count::*which) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(machine);
  return found == counts_.end() ? 0 : found->second.*which;
}

long HoldingRelay::posts(const std::string &machine) const {
  return counted(machine, &Count::read);
}

long HoldingRelay::passed_on(const std::string &machine) const {
  return counted(machine, &Count::passed_on);
}

}  // namespace cordon::test

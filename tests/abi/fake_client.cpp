#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

#include "base/json.hpp"
#include "base/text.hpp"
#include "plugin/client.hpp"

// A client that does what the first text of a call says, so that the boundary can be tested without a service:
//   "throw:bad_alloc" "throw:logic_error" "throw:int"   throws
//   "status:<number>"                                   answers with this status
//   the request id, polled without waiting              is queued, as what submit records
//   "wait"                                              waits for shutdown, or for an interrupt if it has a call id
//   "announce"                                          the same, with a line on standard error once it waits
// Anything else is answered with CORDON_OK and what arrived. With the config "slow:<descriptor>" opening and shutting
// down last a moment, and write "o" at the beginning and "O" at the end of opening, "s" and "S" of shutting down.
namespace cordon::plugin {
namespace {

constexpr const char *kRequestId = "11111111-2222-4333-8444-555555555555";

Json arrived(std::string_view text) {
  return text.data() == nullptr ? Json(nullptr) : Json(text);
}

/// Writes the letters of what takes a moment.
class Slow {
 public:
  explicit Slow(std::string_view config) {
    if (config.starts_with("slow:")) fd_ = static_cast<int>(*parse_int(config.substr(5)));
  }
  void last(char begin, char end) const {
    if (fd_ < 0 || ::write(fd_, &begin, 1) != 1) return;
    // Long enough for exit() to come in between. Where it comes later, the test sees less and passes all the same.
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    (void)!::write(fd_, &end, 1);
  }

 private:
  int fd_ = -1;
};

class FakeClient final : public Client {
 public:
  explicit FakeClient(Slow slow) : slow_(slow) {}

  Result<void> reload(std::string_view config) override { return without_document(obey("reload", config, {config})); }

  Result<void> shutdown(std::int32_t) override {
    const std::lock_guard lock(mutex_);
    if (!closed_) slow_.last('s', 'S');
    closed_ = true;
    closing_.notify_all();
    return {};
  }

  Result<Answer> restrict_code_execution(std::string_view machine_id, std::string_view comment,
                                         std::string_view options, std::int32_t timeout_ms) override {
    return obey("restrict_code_execution", machine_id, {machine_id, comment, options}, timeout_ms);
  }
  Result<Answer> stop_and_quarantine(std::string_view machine_id, std::string_view sha1, std::string_view comment,
                                     std::string_view options, std::int32_t timeout_ms) override {
    return obey("stop_and_quarantine", machine_id, {machine_id, sha1, comment, options}, timeout_ms);
  }
  Result<Answer> poll_action(std::string_view id, std::string_view options, std::int32_t wait_ms) override {
    if (id == kRequestId && wait_ms == 0)
      return Answer(Status::Pending, fmt::format(R"({{"request_id":"{}","state":"queued"}})", kRequestId));
    return obey("poll_action", id, {id, options}, wait_ms);
  }
  Result<Answer> call(std::string_view operation, std::string_view request, std::int32_t timeout_ms) override {
    return obey("call", operation, {operation, request}, timeout_ms);
  }
  Result<Answer> submit(std::string_view operation, std::string_view request) override {
    auto answer = obey("submit", operation, {operation, request});
    if (answer) answer->document = kRequestId;
    return answer;
  }
  Result<Answer> next_event(std::string_view options, std::int32_t wait_ms) override {
    auto answer = obey("next_event", options, {options}, wait_ms);
    if (answer && wait_ms == 0) return Answer(Status::NoEvent, "");
    return answer;
  }
  Result<int> event_fd() override {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(Status::Internal, "cannot open /dev/null");
    return fd;
  }
  Result<void> withdraw(std::string_view id) override { return without_document(obey("withdraw", id, {id})); }
  Result<void> interrupt(std::string_view id) override {
    if (id != "cordon-cli") return without_document(obey("interrupt", id, {id}));
    const std::lock_guard lock(mutex_);
    if (!interruptible_) return fail(Status::NotFound, "no such call");
    interrupted_ = true;
    closing_.notify_all();
    return {};
  }
  Result<void> vault_unlock(std::string_view kind, std::string_view secret) override {
    return without_document(obey("vault_unlock", kind, {kind, secret}));
  }
  Result<void> secret_set(std::string_view name, std::string_view value) override {
    return without_document(obey("secret_set", name, {name, value}));
  }
  Result<void> secret_remove(std::string_view name) override {
    return without_document(obey("secret_remove", name, {name}));
  }
  Result<Answer> vault_status() override { return obey("vault_status", {}, {}); }
  Result<void> vault_rekey(std::string_view options, std::string_view secret, std::int32_t timeout_ms) override {
    return without_document(obey("vault_rekey", options, {options, secret}, timeout_ms));
  }

 private:
  static Result<void> without_document(const Result<Answer> &answer) {
    if (!answer) return fail(answer.error());
    return {};
  }

  Result<Answer> obey(std::string_view function, std::string_view order, std::initializer_list<std::string_view> texts,
                      std::int32_t timeout_ms = -1) {
    std::unique_lock lock(mutex_);
    if (order == "wait" || order == "announce") {
      interruptible_ = std::any_of(texts.begin(), texts.end(), [](auto text) { return text.find("cordon-cli") < 100; });
      if (order == "announce") fmt::print(stderr, "waiting\n");
      closing_.wait(lock, [&] { return closed_ || interrupted_; });
      if (interrupted_) return fail(Status::Interrupted, "the call was interrupted");
    }
    if (closed_) return fail(Status::ShuttingDown, "the client is shut down");
    if (order == "throw:bad_alloc") throw std::bad_alloc();
    if (order == "throw:logic_error") throw std::logic_error("quotes hunter2");
    if (order == "throw:int") throw 42;
    if (order.starts_with("status:")) return with_status(static_cast<Status>(*parse_int(order.substr(7))));
    // Written by hand: a Json object allocates in its destructor, where a test may let memory run out.
    std::string document =
        fmt::format(R"({{"function":"{}","timeout_ms":{},"request_id":"{}","state":"succeeded","texts":[)", function,
                    timeout_ms, kRequestId);
    for (const auto text : texts) document += dump(arrived(text)) + ',';
    if (document.back() == ',') document.pop_back();
    return Answer(Status::Ok, document + "]}");
  }

  static Result<Answer> with_status(Status status) {
    if (!is_error(status)) return Answer(status, R"({"state":"told"})");
    Error error(status, "as the test told\nin two lines");
    error.retry_after_ms = 1500;
    error.http_status = 429;
    error.service_code = "TooManyRequests";
    error.service_correlation_id = "c-1";
    error.request_id = kRequestId;
    error.action_id = "a-1";
    error.pointer = "/options/until";
    error.retryable = true;
    return fail(error);
  }

  const Slow slow_;
  std::mutex mutex_;
  std::condition_variable closing_;
  bool closed_ = false;
  bool interruptible_ = false;
  bool interrupted_ = false;
};

}  // namespace

Result<std::shared_ptr<Client>> Client::open(std::string_view config_json) {
  if (config_json == "throw:bad_alloc") throw std::bad_alloc();
  if (config_json == "status:-26") return fail(Status::VaultLocked, "as the test told");
  const Slow slow(config_json);
  slow.last('o', 'O');
  return std::make_shared<FakeClient>(slow);
}

void Client::load_libraries() {}

std::string_view manifest() {
  return R"({"name":"cordon","operations":{"operations":[{"name":"isolate","kind":"action"},)"
         R"({"name":"get_machine","kind":"read"}]}})";
}

}  // namespace cordon::plugin

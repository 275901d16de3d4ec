#pragma once

#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "error.hpp"
#include "library.hpp"
#include "outcome.hpp"

namespace cordon {

using std::chrono::milliseconds;

/// The time-out that the configuration says.
inline constexpr milliseconds kDefaultTimeout{-1};

/// A secret: the bytes are wiped when this goes. It is filled in place, so that no copy stays behind.
class Secret {
 public:
  explicit Secret(std::size_t size) : bytes_(std::make_unique<char[]>(size)), size_(size) {}
  /// Takes the bytes over and wipes those of the caller.
  Secret(char *bytes, std::size_t size) : Secret(size) {
    std::memcpy(data(), bytes, size);
    wipe(bytes, size);
  }
  Secret(Secret &&) noexcept = default;
  Secret &operator=(Secret &&) = delete;
  ~Secret() {
    if (bytes_ != nullptr) wipe(bytes_.get(), size_);
  }

  char *data() { return bytes_.get(); }
  const char *data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }

  static void wipe(char *bytes, std::size_t size) {
    for (volatile char *at = bytes; size > 0; --size) *at++ = 0;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

/// An open client. Any thread may use it; it must outlive the calls under way. Errors are thrown.
class Client {
 public:
  /// config_json  the configuration; none: the file named by $CORDON_CONFIG, then /etc/cordon/cordon.json
  /// api          the library's table; see library.hpp
  explicit Client(const std::optional<std::string> &config_json = std::nullopt, const cordon_api_v1 &api = linked())
      : api_(&api) {
    try {
      plain(
          [&](cordon_error **error) { return api_->init(CORDON_ABI_VERSION, text_of(config_json), &handle_, error); });
    } catch (...) {
      api_->client_free(handle_);  // there is one if it was a condition
      throw;
    }
  }
  ~Client() {
    if (handle_ != nullptr) api_->client_free(handle_);
  }
  Client(Client &&other) noexcept
      : api_(other.api_), handle_(std::exchange(other.handle_, nullptr)), kinds_(other.kinds_) {}
  Client &operator=(Client &&other) noexcept {
    std::swap(api_, other.api_);
    std::swap(handle_, other.handle_);
    std::swap(kinds_, other.kinds_);
    return *this;
  }

  /// Refuses new work, lets go of calls that wait, leaves accepted requests to the ledger.
  void shutdown(milliseconds timeout = kDefaultTimeout) {
    plain([&](cordon_error **error) { return api_->shutdown(handle_, count(timeout), error); });
  }
  /// Takes over a changed configuration; on an error the old one stays.
  void reload(const std::optional<std::string> &config_json) {
    plain([&](cordon_error **error) { return api_->reload(handle_, text_of(config_json), error); });
  }
  std::string version() const { return api_->version(); }
  /// The plugin manifest: every operation with its parameters, permissions and what reverses it.
  json::Value manifest() const { return json::parse(api_->manifest()); }

  // ---- Acting ----

  /// Lets the device start only programs signed by Microsoft. `until` "finished" waits for the device.
  [[nodiscard]] Outcome restrict_code_execution(const std::string &machine_id, const std::string &comment,
                                                const Options &options = {}, milliseconds timeout = kDefaultTimeout) {
    const std::string text = to_json(options).dump();
    return outcome([&](char **action, cordon_error **error) {
      return api_->restrict_code_execution(handle_, text_of(machine_id), text_of(comment), text.c_str(), count(timeout),
                                           action, error);
    });
  }
  /// Stops a running file and quarantines it. There is no undo by API.
  [[nodiscard]] Outcome stop_and_quarantine(const std::string &machine_id, const std::string &sha1,
                                            const std::string &comment, const Options &options = {},
                                            milliseconds timeout = kDefaultTimeout) {
    const std::string text = to_json(options).dump();
    return outcome([&](char **action, cordon_error **error) {
      return api_->stop_and_quarantine(handle_, text_of(machine_id), text_of(sha1), text_of(comment), text.c_str(),
                                       count(timeout), action, error);
    });
  }
  /// Where an action or request stands; waits for its end. Wait 0: what the ledger knows, without the network.
  [[nodiscard]] Outcome poll_action(const std::string &id, milliseconds wait = milliseconds(0),
                                    const Options &options = {}) {
    const std::string text = to_json(options).dump();
    return outcome([&](char **action, cordon_error **error) {
      return api_->poll_action(handle_, text_of(id), text.c_str(), count(wait), action, error);
    });
  }
  /// Any operation of the manifest that ends in an action: "isolate", "cancel_action", also "get_request", which only
  /// looks one up. The request may hold a member "options".
  [[nodiscard]] Outcome act(const std::string &operation, const json::Value &request,
                            milliseconds timeout = kDefaultTimeout) {
    if (!has_outcome(operation).value_or(true))
      throw std::invalid_argument(operation + " answers with no action; use Client::call");
    const std::string text = request.dump();
    return outcome([&](char **action, cordon_error **error) {
      return api_->call(handle_, text_of(operation), text.c_str(), count(timeout), action, error);
    });
  }
  /// Records a request durably and returns its id at once; it is sent in the background, by this process or the next
  /// one. That it is recorded does not mean that it is done: poll_action tells. There is no dry run of it.
  [[nodiscard]] std::string submit(const std::string &operation, const json::Value &request) {
    const std::string text = request.dump();
    auto [status, id] = with_text([&](char **out, cordon_error **error) {
      return api_->submit(handle_, text_of(operation), text.c_str(), out, error);
    });
    if (status != CORDON_OK) throw std::runtime_error(operation + ": not recorded, " + api_->status_name(status));
    return std::move(id);
  }
  /// Takes back a request of which no byte has left.
  void withdraw(const std::string &request_id) {
    plain([&](cordon_error **error) { return api_->withdraw(handle_, text_of(request_id), error); });
  }
  /// Wakes the call with this call_id, from another thread. Changes nothing at the service.
  void interrupt(const std::string &call_id) {
    plain([&](cordon_error **error) { return api_->interrupt(handle_, text_of(call_id), error); });
  }

  // ---- Reading ----

  /// Any operation of the manifest that only answers. A sign-in that waits for its person ("login", "login_status") is
  /// an answer, whose "state" is "waiting".
  [[nodiscard]] json::Value call(const std::string &operation, const json::Value &request = json::Value::object(),
                                 milliseconds timeout = kDefaultTimeout) {
    const std::optional<bool> acts = has_outcome(operation);
    if (acts.value_or(false))
      throw std::invalid_argument(operation + " ends in an action, and its answer is an outcome; use Client::act");
    const std::string text = request.dump();
    auto [status, document] = with_text([&](char **out, cordon_error **error) {
      return api_->call(handle_, text_of(operation), text.c_str(), count(timeout), out, error);
    });
    const bool waits_for_somebody = acts && status == CORDON_PENDING;
    if (status != CORDON_OK && !waits_for_somebody)
      throw std::runtime_error(operation + ": not done, " + api_->status_name(status));
    return json::parse(document);
  }
  /// The next event of the journal; nothing when there is none in time. Without `after` it goes on behind the last one
  /// this client read. Nothing is consumed: an old cursor reads again.
  [[nodiscard]] std::optional<Event> next_event(milliseconds wait = milliseconds(0),
                                                std::optional<std::int64_t> after = std::nullopt,
                                                const std::string &scope = "client") {
    json::Value options = json::Value::object();
    options.set("scope", scope);
    if (after) options.set("after", *after);
    const std::string text = options.dump();
    auto [status, document] = with_text([&](char **out, cordon_error **error) {
      return api_->next_event(handle_, text.c_str(), count(wait), out, error);
    });
    if (status != CORDON_OK) return std::nullopt;
    return read_event(json::parse(document));
  }
  /// A descriptor for poll, readable while unread events exist. The caller closes it.
  [[nodiscard]] int event_fd() {
    std::int32_t fd = -1;
    plain([&](cordon_error **error) { return api_->event_fd(handle_, &fd, error); });
    return fd;
  }

  // ---- Vault: secrets go in and never come out ----

  /// kind  "key" or "passphrase"
  void vault_unlock(const std::string &kind, const Secret &secret) {
    plain([&](cordon_error **error) {
      return api_->vault_unlock(handle_, text_of(kind), secret.data(), secret.size(), error);
    });
  }
  void secret_set(const std::string &name, const Secret &value) {
    plain([&](cordon_error **error) {
      return api_->secret_set(handle_, text_of(name), value.data(), value.size(), error);
    });
  }
  void secret_remove(const std::string &name) {
    plain([&](cordon_error **error) { return api_->secret_remove(handle_, text_of(name), error); });
  }
  /// The names of the secrets and the key slots, never a value.
  [[nodiscard]] json::Value vault_status() {
    auto [status, document] =
        with_text([&](char **out, cordon_error **error) { return api_->vault_status(handle_, out, error); });
    expect_ok(status);
    return json::parse(document);
  }

 private:
  static const char *text_of(const std::optional<std::string> &text) { return text ? text_of(*text) : nullptr; }
  /// The library reads up to the first NUL, and must not read less than was meant.
  static const char *text_of(const std::string &text) {
    if (text.find('\0') != std::string::npos) throw std::invalid_argument("cordon: a text holds a NUL; remove it");
    return text.c_str();
  }

  /// Longer than the library can count is as long as it can.
  static std::int32_t count(milliseconds time) {
    constexpr milliseconds::rep kMax = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(std::min(std::max<milliseconds::rep>(time.count(), -2), kMax));
  }

  /// Whether the operation's answer is an action with an outcome; none for what the manifest does not have, which the
  /// library refuses.
  std::optional<bool> has_outcome(const std::string &operation) const {
    std::call_once(kinds_->once, [this] {
      const json::Value all = manifest()["operations"]["operations"];
      for (const json::Value &one : *all.array()) {
        const auto is = [&one](std::string_view key, std::string_view word) {
          const std::string *const text = one[key].text();
          return text != nullptr && *text == word;
        };
        kinds_->has_outcome[*one["name"].text()] =
            is("kind", "action") || (is("kind", "local") && is("result", "action"));
      }
    });
    const auto found = kinds_->has_outcome.find(operation);
    return found == kinds_->has_outcome.end() ? std::nullopt : std::optional(found->second);
  }

  void check(std::int32_t status, cordon_error *error) const {
    if (status >= 0) return;
    const std::unique_ptr<cordon_error, void (*)(cordon_error *)> owned(error, api_->error_free);
    throw_error(json::parse(api_->error_json(owned.get())));
  }
  /// Refuses a condition where only a library newer than this header can give one: what it means is not known.
  void expect_ok(std::int32_t status) const {
    if (status == CORDON_OK) return;
    json::Value document = json::Value::object();
    document.set("status", static_cast<std::int64_t>(status));
    document.set("name", api_->status_name(status));
    document.set("message", "the library answered with the condition " + std::to_string(status) +
                                ", which is not success; use the headers of the library's version");
    throw_error(std::move(document));
  }
  template <class Function>
  void plain(Function function) {
    cordon_error *error = nullptr;
    const std::int32_t status = function(&error);
    check(status, error);
    expect_ok(status);
  }
  template <class Function>
  std::pair<std::int32_t, std::string> with_text(Function function) {
    char *out = nullptr;
    cordon_error *error = nullptr;
    const std::int32_t status = function(&out, &error);
    const std::unique_ptr<char, void (*)(char *)> owned(out, api_->string_free);
    check(status, error);
    return {status, out == nullptr ? std::string() : std::string(out)};
  }
  template <class Function>
  Outcome outcome(Function function) {
    auto [status, document] = with_text(std::move(function));
    return outcome_of(status, read_action(json::parse(document)));
  }

  struct Kinds {
    std::once_flag once;
    std::map<std::string, bool> has_outcome;  // by the operation's name
  };

  const cordon_api_v1 *api_;
  cordon_client *handle_ = nullptr;
  std::shared_ptr<Kinds> kinds_ = std::make_shared<Kinds>();
};

}  // namespace cordon

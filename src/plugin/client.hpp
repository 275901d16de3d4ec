#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon::plugin {

/// What a call yields when it is not an error: a status >= 0 and the JSON document for the host (empty: none).
struct Answer {
  Answer(Status status_, std::string document_) : status(status_), document(std::move(document_)) {}
  Status status;
  std::string document;
};

/// One client of the library: everything behind a `cordon_client` handle. boundary/ owns it through a shared_ptr, so
/// that a call under way keeps it alive. JSON comes as text, exactly as the host gave it; an absent text is
/// nullptr-like (data() == nullptr). All functions are [any-thread]; those with a time-out block.
class Client {
 public:
  /// `config_json` absent: $CORDON_CONFIG, then /etc/cordon/cordon.json.
  static Result<std::shared_ptr<Client>> open(std::string_view config_json);
  /// Initialises the libraries that a client's threads use, as open() does too. When it returns they have registered
  /// what they do at the process' end.
  static void load_libraries();
  virtual ~Client() = default;

  virtual Result<void> reload(std::string_view config_json) = 0;
  /// Refuses new work, withdraws blocking calls not yet sent, waits for transfers until the time-out, joins. A second
  /// call waits for the first. After it every call answers SHUTTING_DOWN.
  virtual Result<void> shutdown(std::int32_t timeout_ms) = 0;

  virtual Result<Answer> restrict_code_execution(std::string_view machine_id, std::string_view comment,
                                                 std::string_view options_json, std::int32_t timeout_ms) = 0;
  virtual Result<Answer> stop_and_quarantine(std::string_view machine_id, std::string_view sha1,
                                             std::string_view comment, std::string_view options_json,
                                             std::int32_t timeout_ms) = 0;
  virtual Result<Answer> poll_action(std::string_view id, std::string_view options_json, std::int32_t wait_ms) = 0;
  virtual Result<Answer> call(std::string_view operation, std::string_view request_json, std::int32_t timeout_ms) = 0;

  /// The answer's document is the bare request id.
  virtual Result<Answer> submit(std::string_view operation, std::string_view request_json) = 0;
  virtual Result<Answer> next_event(std::string_view options_json, std::int32_t wait_ms) = 0;
  /// A fresh close-on-exec duplicate; the caller owns it.
  virtual Result<int> event_fd() = 0;
  virtual Result<void> withdraw(std::string_view request_id) = 0;
  virtual Result<void> interrupt(std::string_view call_id) = 0;

  virtual Result<void> vault_unlock(std::string_view kind, std::string_view secret) = 0;
  virtual Result<void> secret_set(std::string_view name, std::string_view value) = 0;
  virtual Result<void> secret_remove(std::string_view name) = 0;
  virtual Result<Answer> vault_status() = 0;
  virtual Result<void> vault_rekey(std::string_view options_json, std::string_view new_secret,
                                   std::int32_t timeout_ms) = 0;
};

/// The embedded manifest (plugin_manifest/cordon.plugin.json). Static, no initialisation needed.
std::string_view manifest();

}  // namespace cordon::plugin

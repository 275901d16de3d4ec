#include "boundary/error.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace cordon::boundary {
namespace {

constexpr std::size_t kMaxMessageBytes = 4096;

struct OwnedError : cordon_error {
  OwnedError(Status status_, std::string message_, std::string json_)
      : cordon_error{static_cast<std::int32_t>(status_), nullptr, nullptr, true},
        message_text(std::move(message_)),
        json_text(std::move(json_)) {
    message = message_text.c_str();
    json = json_text.c_str();
  }
  std::string message_text;
  std::string json_text;
};

/// Writes the JSON text piece by piece: a Json object allocates in its destructor, which must not happen when memory is
/// out.
class ErrorText {
 public:
  ErrorText &raw(const char *key, std::string_view json) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_.append(key).append("\":").append(json);
    return *this;
  }
  ErrorText &text(const char *key, const std::string &value) {
    return raw(key, value.empty() ? "null" : dump(Json(value)));
  }
  ErrorText &number(const char *key, std::int64_t value) { return raw(key, std::to_string(value)); }
  ErrorText &number_unless(std::int64_t none, const char *key, std::int64_t value) {
    return value == none ? raw(key, "null") : number(key, value);
  }
  ErrorText &boolean(const char *key, bool value) { return raw(key, value ? "true" : "false"); }
  std::string done() { return std::move(text_) + '}'; }

 private:
  std::string text_;
};

OwnedError *render(const Error &error) {
  // An Error without an error's status would tell the host of success.
  const Status status = is_error(error.status) ? error.status : Status::Internal;
  std::string message = printable(error.message, kMaxMessageBytes);
  std::string json = ErrorText()
                         .number("status", static_cast<std::int32_t>(status))
                         .text("name", status_name(status))
                         .text("message", message)
                         .boolean("retryable", error.retryable)
                         .boolean("outcome_unknown", error.outcome_unknown)
                         .number_unless(-1, "retry_after_ms", error.retry_after_ms)
                         .number_unless(0, "http_status", error.http_status)
                         .text("service_code", error.service_code)
                         .text("service_correlation_id", error.service_correlation_id)
                         .text("request_id", error.request_id)
                         .text("action_id", error.action_id)
                         .text("pointer", error.pointer)
                         .done();
  return new OwnedError(status, std::move(message), std::move(json));
}

#define STATIC_ERROR_JSON(status, name, message, outcome_unknown)        \
  "{\"status\":" status ",\"name\":\"" name "\",\"message\":\"" message  \
  "\",\"retryable\":false,\"outcome_unknown\":" outcome_unknown          \
  ",\"retry_after_ms\":null,\"http_status\":null,\"service_code\":null," \
  "\"service_correlation_id\":null,\"request_id\":null,\"action_id\":null,\"pointer\":null}"

#define OUT_OF_MEMORY_MESSAGE \
  "memory ran out during the call; free some, and look at list_requests before repeating a call that acts"
#define FORKED_MESSAGE                                                                                                 \
  "this process was forked while a client was alive; open clients behind the fork, in each worker, and none in their " \
  "parent; here, exec first or make the call in the parent"
#define NO_ERROR_MESSAGE "the error passed in is NULL; test the status the function returned instead"

// Whether a call that acts got as far as sending is not known here, so the first claims the worse.
cordon_error g_out_of_memory = {CORDON_E_OUT_OF_MEMORY, OUT_OF_MEMORY_MESSAGE,
                                STATIC_ERROR_JSON("-6", "CORDON_E_OUT_OF_MEMORY", OUT_OF_MEMORY_MESSAGE, "true"),
                                false};
cordon_error g_forked = {CORDON_E_FORKED, FORKED_MESSAGE,
                         STATIC_ERROR_JSON("-9", "CORDON_E_FORKED", FORKED_MESSAGE, "false"), false};
const cordon_error kNoError = {CORDON_E_INVALID_ARGUMENT, NO_ERROR_MESSAGE,
                               STATIC_ERROR_JSON("-2", "CORDON_E_INVALID_ARGUMENT", NO_ERROR_MESSAGE, "false"), false};

}  // namespace

cordon_error *make_error(const Error &error) noexcept {
  try {
    return render(error);
  } catch (...) {
    return &g_out_of_memory;
  }
}

void free_error(cordon_error *error) noexcept {
  if (error != nullptr && error->owned) delete static_cast<OwnedError *>(error);
}

cordon_error *out_of_memory_error() noexcept {
  return &g_out_of_memory;
}
cordon_error *forked_error() noexcept {
  return &g_forked;
}
const cordon_error *no_error() noexcept {
  return &kNoError;
}

}  // namespace cordon::boundary

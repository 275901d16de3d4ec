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

Json number_or_null(std::int64_t number, std::int64_t none) {
  return number == none ? Json(nullptr) : Json(number);
}

OwnedError *render(const Error &error) {
  // An Error without an error's status would tell the host of success.
  const Status status = is_error(error.status) ? error.status : Status::Internal;
  std::string message = printable(error.message, kMaxMessageBytes);
  Json json;
  json["status"] = static_cast<std::int32_t>(status);
  json["name"] = status_name(status);
  json["message"] = message;
  json["retryable"] = error.retryable;
  json["outcome_unknown"] = error.outcome_unknown;
  json["retry_after_ms"] = number_or_null(error.retry_after_ms, -1);
  json["http_status"] = number_or_null(error.http_status, 0);
  json["service_code"] = text_or_null(error.service_code);
  json["service_correlation_id"] = text_or_null(error.service_correlation_id);
  json["request_id"] = text_or_null(error.request_id);
  json["action_id"] = text_or_null(error.action_id);
  json["pointer"] = text_or_null(error.pointer);
  return new OwnedError(status, std::move(message), dump(json));
}

#define STATIC_ERROR_JSON(status, name, message, outcome_unknown)                         \
  "{\"action_id\":null,\"http_status\":null,\"message\":\"" message "\",\"name\":\"" name \
  "\",\"outcome_unknown\":" outcome_unknown                                               \
  ",\"pointer\":null,\"request_id\":null,\"retry_after_ms\":null,\"retryable\":false,"    \
  "\"service_code\":null,\"service_correlation_id\":null,\"status\":" status "}"

#define OUT_OF_MEMORY_MESSAGE \
  "memory ran out during the call; free some, and look at list_requests before repeating a call that acts"
#define FORKED_MESSAGE \
  "this process was forked while a client was alive; make the call in the parent, or exec before using Cordon"
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

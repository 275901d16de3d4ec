#pragma once

#include <stdexcept>

#include "documents.hpp"
#include "status.hpp"

namespace cordon {

/// An error of the library; a class per family below. what() is its one line: what, where, what to do, and no secret.
class Error : public std::runtime_error {
 public:
  explicit Error(json::Value document)
      : std::runtime_error(text(document, "name").value_or("CORDON_E_INTERNAL") + ": " +
                           text(document, "message").value_or("no message")),
        document_(std::move(document)) {}

  /// As in cordon.h; a newer library may say a number that Status does not name.
  Status status() const { return static_cast<Status>(number("status").value_or(CORDON_E_INTERNAL)); }
  std::string name() const { return text(document_, "name").value_or(""); }
  std::string message() const { return text(document_, "message").value_or(""); }
  bool retryable() const { return is("retryable"); }
  bool outcome_unknown() const { return is("outcome_unknown"); }
  std::optional<std::int64_t> retry_after_ms() const { return number("retry_after_ms"); }
  std::optional<std::int64_t> http_status() const { return number("http_status"); }
  std::optional<std::string> service_code() const { return text(document_, "service_code"); }
  std::optional<std::string> service_correlation_id() const { return text(document_, "service_correlation_id"); }
  std::optional<std::string> request_id() const { return text(document_, "request_id"); }
  std::optional<std::string> action_id() const { return text(document_, "action_id"); }
  std::optional<std::string> pointer() const { return text(document_, "pointer"); }
  /// All of it, as cordon_error_json gave it.
  const json::Value &document() const { return document_; }

 private:
  static std::optional<std::string> text(const json::Value &document, std::string_view key) {
    std::optional<std::string> found;
    json::read(document, key, found);
    return found;
  }
  std::optional<std::int64_t> number(std::string_view key) const {
    std::optional<std::int64_t> found;
    json::read(document_, key, found);
    return found;
  }
  bool is(std::string_view key) const {
    bool found = false;
    json::read(document_, key, found);
    return found;
  }

  json::Value document_;
};

/// The call cannot be made like this: an argument, the state of the client, or what this build offers.
struct UsageError : Error {
  using Error::Error;
};
/// The call ended early. From a call that acts: nothing was sent and nothing will be.
struct NothingSentError : Error {
  using Error::Error;
};
/// The time was over.
struct DeadlineError : NothingSentError {
  using NothingSentError::NothingSentError;
};
/// The call was interrupted.
struct InterruptedError : NothingSentError {
  using NothingSentError::NothingSentError;
};
/// No slot in the quota before the deadline; retry_after_ms() tells when.
struct RateLimitedError : NothingSentError {
  using NothingSentError::NothingSentError;
};
/// Bytes may have left and no answer came, or memory ran out or a defect ended a call that may have sent; status()
/// tells which. Do not repeat: poll request_id(), Cordon goes on looking; where there is none, look at "list_requests".
struct OutcomeUnknown : Error {
  using Error::Error;
};
/// The service was not reached, or its certificate is not to be trusted.
struct NetworkError : Error {
  using Error::Error;
};
/// No token, or a permission is missing.
struct AccessError : Error {
  using Error::Error;
};
/// It cannot or must not be done: no such device, not supported by it, in progress, against the policy, halted.
struct RefusedError : Error {
  using Error::Error;
};
/// The service failed, or answered in a form that is not documented.
struct ServiceError : Error {
  using Error::Error;
};
/// The vault is locked, damaged, wrongly keyed, or open to others.
struct VaultError : Error {
  using Error::Error;
};
/// The state directory cannot be read or written.
struct LedgerError : Error {
  using Error::Error;
};
/// A defect of Cordon, or memory ran out; the call has sent nothing.
struct InternalError : Error {
  using Error::Error;
};

/// Throws the class of the error's family; Error itself for a status of a newer library.
[[noreturn]] inline void throw_error(json::Value document) {
  const Error plain(std::move(document));
  const json::Value &told = plain.document();
  if (plain.outcome_unknown()) throw OutcomeUnknown(told);
  switch (plain.status()) {
    case Status::e_invalid_argument:
    case Status::e_invalid_state:
    case Status::e_unsupported_abi:
    case Status::e_not_supported:
    case Status::e_invalid_handle:
    case Status::e_shutting_down:
    case Status::e_forked:
    case Status::e_key_reused:
      throw UsageError(told);
    case Status::e_interrupted:
      throw InterruptedError(told);
    case Status::e_deadline:
      throw DeadlineError(told);
    case Status::e_rate_limited:
      throw RateLimitedError(told);
    case Status::e_outcome_unknown:
      throw OutcomeUnknown(told);
    case Status::e_network:
    case Status::e_tls:
      throw NetworkError(told);
    case Status::e_unauthenticated:
    case Status::e_permission_denied:
      throw AccessError(told);
    case Status::e_not_found:
    case Status::e_device_not_supported:
    case Status::e_action_in_progress:
    case Status::e_refused_by_policy:
    case Status::e_halted:
      throw RefusedError(told);
    case Status::e_service:
    case Status::e_invalid_response:
      throw ServiceError(told);
    case Status::e_vault_locked:
    case Status::e_vault_corrupt:
    case Status::e_vault_wrong_key:
    case Status::e_vault_permissions:
      throw VaultError(told);
    case Status::e_ledger:
      throw LedgerError(told);
    case Status::e_internal:
    case Status::e_out_of_memory:
      throw InternalError(told);
    case Status::ok:
    case Status::pending:
    case Status::action_failed:
    case Status::action_timed_out:
    case Status::action_cancelled:
    case Status::action_rejected:
    case Status::not_sent:
    case Status::no_event:
    case Status::dry_run:
      break;
  }
  throw plain;
}

}  // namespace cordon

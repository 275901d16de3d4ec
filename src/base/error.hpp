#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "base/status.hpp"

namespace cordon {

/// What went wrong in the world. `message` is one English line that says what, where and what to do; it never holds a
/// secret, a body of the service or the offending value of a config key. The other members become the error's JSON.
/// (The constructors also keep g++ 12 from miscompiling it as a coroutine argument.)
struct Error {
  Error() = default;
  Error(Status status_, std::string message_) : status(status_), message(std::move(message_)) {}

  Error &&at(std::string pointer_) && {
    pointer = std::move(pointer_);
    return std::move(*this);
  }
  Error &&retry() && {
    retryable = true;
    return std::move(*this);
  }

  Status status = Status::Internal;
  std::string message;
  bool retryable = false;
  bool outcome_unknown = false;
  std::int64_t retry_after_ms = -1;  ///< −1: not known
  int http_status = 0;               ///< 0: the service did not answer
  std::string service_code;
  std::string service_correlation_id;
  std::string request_id;
  std::string action_id;
  std::string pointer;  ///< JSON pointer into the config, options or request; empty: none
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(Status::X, "...")` from any function that returns a Result.
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}
inline tl::unexpected<Error> fail(Status status, std::string message) {
  return fail(Error(status, std::move(message)));
}

}  // namespace cordon

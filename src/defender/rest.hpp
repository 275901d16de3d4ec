#pragma once

#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"
#include "defender/action.hpp"
#include "defender/operation.hpp"
#include "defender/service_error.hpp"
#include "http/transport.hpp"

namespace cordon::defender {

/// One call of an operation, ready to be put on the wire.
struct Call {
  Call(const Operation &operation_, Json request_) : operation(&operation_), request(std::move(request_)) {}

  const Operation *operation;  ///< borrowed from the catalogue
  Json request;                ///< as returned by Operation::check
  std::string external_id;     ///< the request id; empty: none is sent
  std::string comment_marker;  ///< appended to the comment after a blank; empty: none
};

/// The request without its token: method, URL, body with the wire's case-sensitive names (mde-api §11). `api` is the
/// cloud's origin. A path template's members are percent-encoded. For find_machines the filter must have passed
/// Operation::check.
http::Request build_request(const std::string &api, const Call &call);

/// A GET of a path and query made by odata.hpp.
http::Request build_get(const std::string &api, const std::string &target);

/// What a POST's end means (mde-api §13, decision table).
enum class PostOutcome {
  Accepted,       ///< the service holds an action; it may be somebody else's: compare before claiming it
  Unknown,        ///< it may or may not have been applied: look, never repeat
  Conflict,       ///< one of this type is pending on this device: adopt it or report it
  Refused,        ///< the service said no; nothing happened, repeating is useless
  TokenRejected,  ///< 401: nothing happened; once more with a new token
  Throttled,      ///< 429: nothing happened; once more after error.retry_after_ms
  NotSent,        ///< no byte left
};

struct PostResult {
  PostResult() = default;
  PostResult(PostOutcome outcome_, Error error_) : outcome(outcome_), error(std::move(error_)) {}

  PostOutcome outcome = PostOutcome::Unknown;
  /// Accepted: the answer. Conflict: the pending action if the answer was one (its parameters differ), else empty id.
  MachineAction action;
  Error error;  ///< valid for everything but Accepted
  std::optional<UtcTicks> service_date;
};

/// Pure. An answer counts as accepted only when it is an action of the right type on the right device (for
/// cancel_action: the action asked for).
PostResult interpret_post(const Call &call, const http::Exchange &exchange, const CallContext &context);

/// Pure. The document of a read, parsed strictly but not looked into; an empty list where the service says by a 404
/// that no machine fits. Errors: those of classify_error, the exchange's own, INVALID_RESPONSE for a success that is no
/// JSON object.
Result<Json> interpret_read(const http::Exchange &exchange, const CallContext &context);

/// What a caller gets of a read's document, an object: no member of OData's own; "more": true where one of them was the
/// link to further rows of the list.
Json without_annotations(Json document);

}  // namespace cordon::defender

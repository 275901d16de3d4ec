#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "defender/operation.hpp"
#include "http/transport.hpp"

namespace cordon::defender {

/// Whose call an answer belongs to; only for the message.
struct CallContext {
  CallContext() = default;
  CallContext(const Operation *operation_, std::string tenant_) : operation(operation_), tenant(std::move(tenant_)) {}
  const Operation *operation = nullptr;  ///< borrowed; nullptr: an internal look-up
  std::string tenant;                    ///< the name in the config
  bool user_token = false;               ///< delegated: roles and device groups count too
};

/// Turns any answer that is no success into an Error: status, what to do, the service's code and correlation id,
/// whether and when to repeat (mde-api §10). Bodies may be JSON in several shapes, HTML, plain text or empty; none of
/// it is quoted but the list of permissions and the service's one-line message where it names what is missing.
Error classify_error(const http::Response &response, const CallContext &context);

/// The error of a GET that did not get an answer, or of a success that can't be understood.
Error unreadable_answer(const http::Response &response, const CallContext &context, std::string_view problem);

/// The service's time of the answer, for comparing with its records; nullopt without a readable Date header, or when
/// the answer is no JSON object: then it may be that of a gateway or proxy, whose clock is another one.
std::optional<UtcTicks> service_date(const http::Response &response);

}  // namespace cordon::defender

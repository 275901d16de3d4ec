#include "defender/service_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "http/retry_after.hpp"

namespace cordon::defender {
namespace {

struct KnownCode {
  std::string_view code;
  Status status;
  std::string_view remedy;
};

// mde-api §10. What a code means to a caller and what to do about it.
constexpr std::array kCodes = {
    KnownCode{"BadRequest", Status::InvalidArgument, "the service calls the request wrong"},
    KnownCode{"ODataError", Status::InvalidArgument, "the service does not understand the query"},
    KnownCode{"InvalidInput", Status::InvalidArgument, "the service refuses a value of the request; check its members"},
    KnownCode{"InvalidRequestBody", Status::InvalidArgument, "the service refuses the request's body"},
    KnownCode{"MissingRequiredParameter", Status::InvalidArgument, "the service misses a parameter; check the comment"},
    KnownCode{"InvalidHashValue", Status::InvalidArgument,
              "the service takes the hash for wrong; give the file's SHA-1"},
    KnownCode{"InvalidDomainName", Status::InvalidArgument, "the service takes the domain name for wrong"},
    KnownCode{"InvalidIpAddress", Status::InvalidArgument, "the service takes the address for wrong"},
    KnownCode{"InvalidUrl", Status::InvalidArgument, "the service takes the URL for wrong"},
    KnownCode{"MaximumBatchSizeExceeded", Status::InvalidArgument, "too many items in one request; send fewer"},
    KnownCode{"OsPlatformNotSupported", Status::DeviceNotSupported, "the device's operating system can't do this"},
    KnownCode{"ClientVersionNotSupported", Status::DeviceNotSupported,
              "the device's system or sensor is too old for this"},
    KnownCode{"ActiveRequestAlreadyExists", Status::ActionInProgress,
              "an action of this kind is in progress on the device; wait for its end"},
    KnownCode{"Unauthorized", Status::Unauthenticated, "the service does not accept the token"},
    KnownCode{"Forbidden", Status::PermissionDenied, "the service denies the permission"},
    KnownCode{"DisabledFeature", Status::PermissionDenied,
              "the feature is switched off in the tenant; an administrator must switch it on"},
    KnownCode{"DisallowedOperation", Status::PermissionDenied, "the service does not allow this operation here"},
    KnownCode{"NotFound", Status::NotFound, "the service does not know this"},
    KnownCode{"ResourceNotFound", Status::NotFound, "the service does not know this device, action or file"},
    KnownCode{"TooManyRequests", Status::RateLimited, "too many calls; the quota of the application is used up"},
    KnownCode{"InternalServerError", Status::Service, "the service failed"},
};

/// For answers whose code says nothing: by HTTP status.
KnownCode by_status(int status) {
  switch (status) {
    case 400:
      return {"", Status::InvalidArgument, "the service calls the request wrong"};
    case 401:
      return {"", Status::Unauthenticated, "the service does not accept the token"};
    case 403:
      return {"", Status::PermissionDenied, "the service denies the permission"};
    case 404:
    case 410:
      return {"", Status::NotFound, "the service does not know this"};
    case 429:
      return {"", Status::RateLimited, "too many calls; the quota of the application is used up"};
    default:
      if (status >= 500) return {"", Status::Service, "the service failed"};
      if (status >= 300 && status < 400)
        return {"", Status::Service, "a redirect was answered, which is never followed; check the cloud and the proxy"};
      return {"", Status::Service, "the service gave an answer that is not understood"};
  }
}

/// An entry without a code when there is none of that name.
KnownCode known_code(std::string_view code) {
  for (const KnownCode &known : kCodes)
    if (equal_ignoring_case(known.code, code)) return known;
  return {"", Status::Service, ""};
}

/// The parts of an error body, whatever its shape.
struct ErrorBody {
  bool understood = false;  ///< it was the service's JSON
  std::string code;
  std::string message;
  std::string target;
};

ErrorBody read_body(const std::string &text) {
  ErrorBody body;
  const auto json = parse_json(text, "answer", JsonLimits{64 * 1024, 16});
  if (!json || !json->is_object()) return body;
  const auto inner = json->find("error");
  const Json &error = inner != json->end() && inner->is_object() ? *inner : *json;
  body.code = text_or(error, "code");
  body.message = text_or(error, "message");
  body.target = text_or(error, "target");
  body.understood = !body.code.empty() || !body.message.empty();
  return body;
}

/// "(A, B)" behind the words about required permissions, as the service lists what would satisfy it (mde-api §2.7).
std::string listed_permissions(const std::string &message) {
  if (message.find("permissions") == std::string::npos) return "";
  const std::size_t open = message.find('(');
  const std::size_t close = message.find(')', open);
  if (open == std::string::npos || close == std::string::npos) return "";
  const std::string list = message.substr(open + 1, close - open - 1);
  const bool plain = std::all_of(list.begin(), list.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == ',' || c == ' ';
  });
  return plain && list.size() <= 400 ? list : "";
}

std::string permission_advice(const ErrorBody &body, const CallContext &context) {
  std::string out;
  if (const std::string listed = listed_permissions(body.message); !listed.empty())
    out += fmt::format("; the service asks for one of {}", listed);
  if (const Operation *operation = context.operation; operation != nullptr) {
    const PermissionSets &needed =
        context.user_token ? operation->delegated_permissions : operation->application_permissions;
    out += fmt::format("; {} needs the {} {}", operation->name,
                       context.user_token ? "delegated permission" : "application permission", describe(needed));
    if (context.user_token)
      out += fmt::format(", the role \"{}\" and access to the device's group", operation->delegated_role);
    else
      out += ", granted on WindowsDefenderATP with admin consent";
  }
  return out + "; a token of the wrong cloud is refused like this too";
}

std::string advice(const KnownCode &known, const ErrorBody &body, const CallContext &context) {
  if (known.status == Status::PermissionDenied && (known.code.empty() || known.code == "Forbidden"))
    return permission_advice(body, context);
  if (known.status == Status::DeviceNotSupported && context.operation != nullptr)
    return fmt::format("; it needs {}", context.operation->prerequisites);
  if (known.status == Status::NotFound && body.message.starts_with("Sha1 "))
    return "; the file was never seen on the device, so there is nothing to stop there";
  return "";
}

/// Only words the service is known to use may stand in our error; anything else could be an echo of the request.
std::string safe_word(const std::string &text, std::size_t limit) {
  const bool safe = text.size() <= limit && std::all_of(text.begin(), text.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '_' || c == '.' || c == '|';
                    });
  return safe ? text : "";
}

std::string where(const CallContext &context) {
  std::string out = context.operation != nullptr ? context.operation->name : "the look-up";
  if (!context.tenant.empty()) out += fmt::format(" in tenant {}", context.tenant);
  return out;
}

bool tells_of_progress(const ErrorBody &body) {
  return body.code == "ActiveRequestAlreadyExists" ||
         to_lower(body.message).find("already in progress") != std::string::npos;
}

/// For a cancel the service documents a 400 and no more (mde-api §7); what is ours of the request is checked before.
constexpr KnownCode kNoCancel{"", Status::InvalidState,
                              "the service does not cancel this action: it may have ended, be under cancellation "
                              "already, or not be one to cancel; poll it"};

KnownCode known_of(const ErrorBody &body, int status, const CallContext &context) {
  const bool cancels = context.operation != nullptr && context.operation->is_cancel();
  if (status >= 400 && status < 500 && status != 401 && status != 429 && tells_of_progress(body))
    return cancels ? kNoCancel : known_code("ActiveRequestAlreadyExists");
  if (cancels && status == 400 && (body.code.empty() || equal_ignoring_case(body.code, "BadRequest"))) return kNoCancel;
  const KnownCode fallback = by_status(status);
  // The HTTP status decides the class of what it is unambiguous about; codes refine the rest.
  if (status == 401 || status == 429 || status >= 500 || status < 400) return fallback;
  const KnownCode named = known_code(body.code);
  return named.code.empty() ? fallback : named;
}

void read_retry(Error &error, const http::Response &response) {
  error.retryable = error.status == Status::RateLimited || error.status == Status::Service ||
                    error.status == Status::ActionInProgress;
  if (response.status < 500 && error.status == Status::Service) error.retryable = response.status == 408;
  if (const auto wait = http::parse_retry_after(response.header("Retry-After"), response.header("Date")))
    error.retry_after_ms = std::chrono::ceil<milliseconds>(*wait).count();
  else if (error.status == Status::RateLimited)
    error.retry_after_ms = 60'000;  // what integrations wait when the header is missing (mde-api §9)
}

}  // namespace

Error classify_error(const http::Response &response, const CallContext &context) {
  if (!response.gateway_refusal.empty()) {
    Error error(Status::Tls,
                fmt::format("{}: {} (HTTP {})", where(context), response.gateway_refusal, response.status));
    error.http_status = response.status;
    return error;
  }
  const ErrorBody body = read_body(response.body);
  const KnownCode known = known_of(body, response.status, context);
  std::string message = fmt::format("{}: {}", where(context), known.remedy);
  message += advice(known, body, context);
  if (response.body.empty())
    message += "; the answer has no body";
  else if (!body.understood)
    message += "; the answer is not in the service's form, look for a proxy or gateway in between";
  Error error(known.status, std::move(message));
  error.http_status = response.status;
  error.service_code = safe_word(body.code, 64);
  error.service_correlation_id = safe_word(body.target, 128);
  read_retry(error, response);
  error.message += error.service_code.empty() ? fmt::format(" (HTTP {})", response.status)
                                              : fmt::format(" (HTTP {}, {})", response.status, error.service_code);
  return error;
}

Error unreadable_answer(const http::Response &response, const CallContext &context, std::string_view problem) {
  Error error(Status::InvalidResponse,
              fmt::format("{}: the service answered HTTP {}, but {}", where(context), response.status, problem));
  error.http_status = response.status;
  return error;
}

std::optional<UtcTicks> service_date(const http::Response &response) {
  const std::size_t first = response.body.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || response.body[first] != '{') return std::nullopt;
  return UtcTicks::parse_http_date(response.header("Date"));
}

}  // namespace cordon::defender

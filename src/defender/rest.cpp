#include "defender/rest.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "defender/odata.hpp"

namespace cordon::defender {
namespace {

/// Replaces each {member} of the template by the request's member.
std::string fill_path(const std::string &path, const Json &request) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t open = path.find('{', at);
    out += path.substr(at, open - at);
    if (open == std::string::npos) break;
    const std::size_t close = path.find('}', open);
    out += percent_encode(text_or(request, path.substr(open + 1, close - open - 1).c_str()));
    at = close + 1;
  }
  return out;
}

std::string target_of(const Call &call) {
  const Json filter = call.request.contains("filter") ? call.request["filter"] : Json::object();
  if (call.operation->query == "machine_actions") return action_list_target(action_filter_of(filter));
  if (call.operation->query == "machines") return machine_list_target(filter).value();
  return fill_path(call.operation->path, call.request);
}

std::string value_of(const BodyField &field, const Call &call) {
  if (field.member == "external_id") return call.external_id;
  std::string value = text_or(call.request, field.member.c_str());
  if (field.member == "comment" && !call.comment_marker.empty()) value += " " + call.comment_marker;
  return value;
}

std::string body_of(const Call &call) {
  Json body = Json::object();
  for (const BodyField &field : call.operation->body)
    if (std::string value = value_of(field, call); !value.empty()) body[field.name] = std::move(value);
  return dump(body);
}

/// What the service holds is the action that was asked for, as far as it tells.
bool is_about(const Call &call, const MachineAction &action) {
  if (call.operation->is_cancel()) return equal_ignoring_case(action.id, text_or(call.request, "action_id"));
  return equal_ignoring_case(action.type, call.operation->action_type) &&
         equal_ignoring_case(action.machine_id, text_or(call.request, "machine_id"));
}

Error unknown_outcome(Error cause) {
  Error error = std::move(cause);
  error.status = Status::OutcomeUnknown;
  error.outcome_unknown = true;
  error.retryable = false;
  error.message += "; it is not known whether the action was started";
  return error;
}

PostResult interpret_success(const Call &call, const http::Response &response, const CallContext &context) {
  const auto unknown = [&](std::string_view problem) {
    return PostResult(PostOutcome::Unknown, unknown_outcome(unreadable_answer(response, context, problem)));
  };
  const auto json = parse_json(response.body, "answer");
  if (!json) return unknown("its body is no JSON");
  auto action = parse_action(*json);
  if (!action) return unknown("its body is no machine action");
  if (!is_about(call, *action)) return unknown("its body is another device's or another kind of action");

  PostResult result;
  result.action = std::move(*action);
  if (!contradicts(*call.operation, call.request, result.action)) {
    result.outcome = PostOutcome::Accepted;
    return result;
  }
  result.outcome = PostOutcome::Conflict;
  result.error =
      Error(Status::ActionInProgress,
            fmt::format("{}: the service returned an action of the same kind with other parameters that is in "
                        "progress on the device; wait for its end",
                        call.operation->name));
  result.error.http_status = response.status;
  result.error.action_id = result.action.id;
  result.error.retryable = true;
  return result;
}

PostResult interpret_response(const Call &call, const http::Response &response, const CallContext &context) {
  const int status = response.status;
  if (status >= 200 && status < 300) return interpret_success(call, response, context);
  Error error = classify_error(response, context);
  if (status >= 500 || status < 400 || status == 408)
    return PostResult(PostOutcome::Unknown, unknown_outcome(std::move(error)));
  if (status == 401) return PostResult(PostOutcome::TokenRejected, std::move(error));
  if (error.status == Status::RateLimited) return PostResult(PostOutcome::Throttled, std::move(error));
  if (error.status == Status::ActionInProgress) return PostResult(PostOutcome::Conflict, std::move(error));
  return PostResult(PostOutcome::Refused, std::move(error));
}

/// No machine fits: the documents call that an error, the service mostly sends an empty list (mde-api §8). Only its own
/// words count, not the page of a gateway.
bool tells_of_no_machine(const Error &error, const CallContext &context) {
  return context.operation != nullptr && context.operation->query == "machines" && error.http_status == 404 &&
         (equal_ignoring_case(error.service_code, "ResourceNotFound") ||
          equal_ignoring_case(error.service_code, "NotFound"));
}

}  // namespace

http::Request build_get(const std::string &api, const std::string &target) {
  http::Request request(http::Method::Get, api + target);
  request.headers.emplace_back("Accept: application/json");
  return request;
}

http::Request build_request(const std::string &api, const Call &call) {
  http::Request request = build_get(api, target_of(call));
  if (call.operation->method != "POST") return request;
  request.method = http::Method::Post;
  request.content_type = "application/json";
  request.body = body_of(call);
  request.max_body = 1u << 20;
  return request;
}

PostResult interpret_post(const Call &call, const http::Exchange &exchange, const CallContext &context) {
  if (exchange.response) {
    PostResult result = interpret_response(call, *exchange.response, context);
    result.service_date = service_date(*exchange.response);
    return result;
  }
  if (exchange.sent) return PostResult(PostOutcome::Unknown, unknown_outcome(exchange.error));
  return PostResult(PostOutcome::NotSent, exchange.error);
}

Result<Json> interpret_read(const http::Exchange &exchange, const CallContext &context) {
  if (!exchange.response) return fail(exchange.error);
  const http::Response &response = *exchange.response;
  if (response.status < 200 || response.status >= 300) {
    Error error = classify_error(response, context);
    if (tells_of_no_machine(error, context)) return Json{{"value", Json::array()}};
    return fail(std::move(error));
  }
  auto json = parse_json(response.body, "answer", JsonLimits{32u << 20, 32});
  if (!json) return fail(unreadable_answer(response, context, "its body is no JSON"));
  if (!json->is_object()) return fail(unreadable_answer(response, context, "its body is no JSON object"));
  return std::move(*json);
}

Json without_annotations(Json document) {
  const bool more = !text_or(document, "@odata.nextLink").empty();
  for (auto it = document.begin(); it != document.end();)
    it = it.key().starts_with("@odata.") ? document.erase(it) : std::next(it);
  if (more) document["more"] = true;
  return document;
}

}  // namespace cordon::defender

#include "emulator/request_body.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::array<std::string_view, 4> kCommonNames = {"Comment", "ExternalId", "Title", "RequestSource"};
/// mde-api §5.4
constexpr std::array<std::string_view, 13> kRequestSources = {
    "Unspecified",     "PublicApi",  "Portal",    "MCAS", "TVM",
    "CustomDetection", "BulkAction", "ISG",       "NDR",  "EndpointConfigManagement",
    "IncidentTasks",   "MDI",        "ActiveScan"};

Refusal incorrect_body() {
  return {400, "InvalidRequestBody", "Request body is incorrect"};
}

Refusal missing(std::string_view name) {
  return {400, "MissingRequiredParameter", "Required parameter " + std::string(name) + " is missing"};
}

bool is_blank(const std::string &text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

/// Present, not null, a text.
const Json *given(const Json &body, std::string_view name) {
  const auto found = body.find(std::string(name));
  return found == body.end() || found->is_null() ? nullptr : &*found;
}

bool is_sha1(const std::string &text) {
  return text.size() == 40 &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_hex_digit(static_cast<unsigned char>(c)); });
}

tl::expected<void, Refusal> check_parameter(const Json &body, const ActionParameter &parameter) {
  const Json *value = given(body, parameter.name);
  if (value == nullptr) {
    if (parameter.required) return refuse(missing(parameter.name));
    return {};
  }
  const std::string text = value->get<std::string>();
  if (parameter.values.empty()) {
    if (!is_sha1(text)) return refuse(400, "InvalidHashValue", "Sha1 must have 40 hexadecimal digits");
  } else if (std::find(parameter.values.begin(), parameter.values.end(), text) == parameter.values.end()) {
    return refuse(400, "InvalidInput", "Invalid value of " + std::string(parameter.name));
  }
  return {};
}

}  // namespace

tl::expected<Json, Refusal> read_action_body(const Request &request, const ActionParameter &parameter) {
  if (!equal_ignoring_case(request.content_type.substr(0, kJsonType.size()), kJsonType))
    return refuse(incorrect_body());
  auto body = parse_json(request.body, "request body");
  if (!body || !body->is_object()) return refuse(incorrect_body());

  const Json *comment = given(*body, "Comment");
  if (comment == nullptr) return refuse(missing("Comment"));
  for (const auto &[name, value] : body->items()) {
    const bool known =
        name == parameter.name || std::find(kCommonNames.begin(), kCommonNames.end(), name) != kCommonNames.end();
    // A required parameter in the wrong letter case is reported as missing, below.
    const bool misspelt = !known && equal_ignoring_case(name, parameter.name);
    if ((!known && !misspelt) || !(value.is_string() || value.is_null())) return refuse(incorrect_body());
  }
  if (is_blank(comment->get<std::string>())) return refuse(missing("Comment"));
  if (!parameter.name.empty())
    if (auto checked = check_parameter(*body, parameter); !checked) return refuse(checked.error());
  if (const Json *source = given(*body, "RequestSource"))
    if (std::find(kRequestSources.begin(), kRequestSources.end(), source->get<std::string>()) == kRequestSources.end())
      return refuse(400, "InvalidInput", "Invalid value of RequestSource");
  return std::move(*body);
}

}  // namespace cordon::emulator

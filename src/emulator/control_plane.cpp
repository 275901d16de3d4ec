#include "emulator/control_plane.hpp"

#include <cmath>

namespace cordon::emulator {
namespace {

constexpr double kMostSeconds = 10.0 * 365 * 86'400;

Reply json_reply(int status, const Json &document) {
  return Reply{.status = status, .content_type = "application/json; charset=utf-8", .body = dump(document)};
}

Reply refused(int status, const std::string &message) {
  return json_reply(status, {{"error", {{"message", message}}}});
}

}  // namespace

std::optional<Reply> ControlPlane::handle(const Request &request) {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  if (!path.starts_with("/emulator/")) return std::nullopt;
  const std::string operation = request.method + " " + std::string(path);
  if (operation == "GET /emulator/counters") return json_reply(200, service_.counters().to_json());
  if (operation == "GET /emulator/actions") return json_reply(200, service_.actions());
  if (operation == "POST /emulator/advance") return advance(request);
  if (operation == "POST /emulator/faults") return arm_fault(request);
  if (operation == "DELETE /emulator/faults") {
    service_.faults().clear();
    return json_reply(200, Json::array());
  }
  if (operation == "GET /emulator/device-codes")
    return json_reply(200, service_.device_codes().list(service_.real_now()));
  if (operation == "POST /emulator/device-codes") return decide_device_code(request);
  if (operation == "DELETE /emulator/refresh-tokens") {
    service_.device_codes().revoke_refresh_tokens();
    return json_reply(200, Json::array());
  }
  return refused(404,
                 "the control plane has GET counters, GET actions, POST advance, POST and DELETE faults, GET and POST "
                 "device-codes and DELETE refresh-tokens");
}

Reply ControlPlane::advance(const Request &request) {
  const auto body = parse_json(request.body, "body");
  const bool valid = body && body->is_object() && body->contains("seconds") && body->at("seconds").is_number() &&
                     body->at("seconds") >= 0.0 && body->at("seconds") <= kMostSeconds;
  if (!valid) return refused(400, "the body must be {\"seconds\":N} with N from 0 to ten years");
  service_.advance(std::chrono::nanoseconds(std::llround(body->at("seconds").get<double>() * 1e9)));
  return json_reply(200, {{"now", service_.now().str()}});
}

/// Answers with all faults that are armed now.
Reply ControlPlane::arm_fault(const Request &request) {
  const auto body = parse_json(request.body, "body");
  if (!body) return refused(400, body.error().message);
  auto fault = Fault::parse(*body);
  if (!fault) return refused(400, fault.error().message);
  service_.faults().arm(std::move(*fault));
  Json armed = Json::array();
  for (const Fault &one : service_.faults().armed()) armed.push_back(one.to_json());
  return json_reply(201, armed);
}

/// What a person would do on the page.
Reply ControlPlane::decide_device_code(const Request &request) {
  const auto body = parse_json(request.body, "body");
  const std::string decision = body && body->is_object() ? text_or(*body, "decision", "approve") : std::string();
  if (decision != "approve" && decision != "decline")
    return refused(400, "the body must be {\"user_code\",\"decision\":\"approve\" or \"decline\",\"user\"}");
  const std::string user = text_or(*body, "user", "visitor@emulator.example");
  if (!service_.device_codes().decide(text_or(*body, "user_code"), decision == "approve", user, service_.real_now()))
    return refused(404, "no sign-in waits for that user_code");
  return json_reply(200, service_.device_codes().list(service_.real_now()));
}

}  // namespace cordon::emulator

#include "emulator/control_plane.hpp"

#include <algorithm>
#include <cmath>

namespace cordon::emulator {
namespace {

constexpr double kMostSeconds = 10.0 * 365 * 86'400;

Reply refused(int status, const std::string &message) {
  return json_reply(status, {{"error", {{"message", message}}}});
}

bool is_list_of_texts(const Json &json) {
  return json.is_array() && std::all_of(json.begin(), json.end(), [](const Json &one) { return one.is_string(); });
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
  if (operation == "POST /emulator/apps") return change_app(request);
  if (operation == "GET /emulator/device-codes")
    return json_reply(200, service_.device_codes().list(service_.real_now()));
  if (operation == "POST /emulator/device-codes") return decide_device_code(request);
  if (operation == "DELETE /emulator/refresh-tokens") {
    service_.device_codes().revoke_refresh_tokens();
    return json_reply(200, Json::array());
  }
  return refused(
      404,
      "the control plane has GET counters, GET actions, POST advance, POST and DELETE faults, POST apps, GET "
      "and POST device-codes and DELETE refresh-tokens");
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

/// What an administrator does when a credential is rotated.
Reply ControlPlane::change_app(const Request &request) {
  constexpr const char *kForm =
      "the body must be {\"tenant_id\",\"client_id\"} with \"client_secrets\":[texts], the only good ones from now on, "
      "or \"certificates\":[PEM texts], likewise";
  const auto body = parse_json(request.body, "body");
  if (!body || !body->is_object()) return refused(400, kForm);
  App *app = service_.find_app(text_or(*body, "tenant_id"), text_or(*body, "client_id"));
  if (app == nullptr) return refused(404, "no application of this client_id in the tenant of this tenant_id");
  App changed = *app;
  if (const auto secrets = body->find("client_secrets"); secrets != body->end()) {
    if (!is_list_of_texts(*secrets) || secrets->empty()) return refused(400, kForm);
    changed.client_secret = secrets->front();
    changed.more_secrets.assign(secrets->begin() + 1, secrets->end());
  }
  if (const auto certificates = body->find("certificates"); certificates != body->end()) {
    if (!is_list_of_texts(*certificates)) return refused(400, kForm);
    changed.certificates.clear();
    for (const Json &pem : *certificates) {
      auto certificate = RegisteredCertificate::read(pem.get_ref<const std::string &>());
      if (!certificate) return refused(400, certificate.error().message);
      changed.certificates.push_back(std::move(*certificate));
    }
  }
  *app = std::move(changed);
  return json_reply(200, {{"client_id", app->client_id}});
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

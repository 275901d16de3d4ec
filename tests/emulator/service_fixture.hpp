#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/text.hpp"
#include "emulator/service.hpp"
#include "support/fake_clock.hpp"

namespace cordon::emulator {

/// The pure model with one client that has a token.
class ServiceUnderTest {
 public:
  explicit ServiceUnderTest(const Json &scenario = Json::object(), Service::Settings settings = {})
      : service(Scenario::read(scenario, settings.seed).value(), clock, key_source, settings) {
    tenant_id = service.directory().tenants.front().tenant_id;
    app = service.directory().apps.front();
    token = token_for(app, service.directory().api_audiences.front());
  }

  std::string token_for(const App &who, const std::string &audience) {
    const Reply reply =
        service.handle(token_request(who.tenant_id, "grant_type=client_credentials&client_id=" + who.client_id +
                                                        "&client_secret=" + percent_encode(who.client_secret) +
                                                        "&scope=" + percent_encode(audience + "/.default")));
    return text_or(Json::parse(reply.body), "access_token");
  }

  static Request token_request(const std::string &tenant, std::string form, const char *version = "v2.0/") {
    return {"POST", "/" + tenant + "/oauth2/" + version + "token", "", "application/x-www-form-urlencoded",
            std::move(form)};
  }

  Reply get(const std::string &target) { return service.handle({"GET", target, "Bearer " + token, "", ""}); }
  Reply get_filtered(const std::string &path, const std::string &filter, const std::string &more = "") {
    return get(path + "?$filter=" + percent_encode(filter) + more);
  }
  Reply post(const std::string &target, const Json &body) {
    return service.handle({"POST", target, "Bearer " + token, "application/json", dump(body)});
  }
  Reply act(const std::string &machine, const std::string &verb, Json body = Json::object()) {
    if (!body.contains("Comment")) body["Comment"] = "case 77";
    return post("/api/machines/" + machine + "/" + verb, body);
  }
  /// The id of the action a POST has started.
  std::string start(const std::string &machine, const std::string &verb, const Json &body = Json::object()) {
    return Json::parse(act(machine, verb, body).body).at("id");
  }
  Json action(const std::string &id) { return Json::parse(get("/api/machineactions/" + id).body); }
  std::string status(const std::string &id) { return text_or(action(id), "status"); }

  const MadeFleet &fleet() const { return service.fleet(tenant_id); }
  const std::string &machine(std::size_t index = 0) const { return fleet().machines.at(index); }

  test::FakeClock clock;
  SystemRandom key_source;
  Service service;
  std::string tenant_id, token;
  App app;
};

inline std::string error_code(const Reply &reply) {
  return text_or(Json::parse(reply.body).at("error"), "code");
}
inline std::string error_message(const Reply &reply) {
  return text_or(Json::parse(reply.body).at("error"), "message");
}
inline std::string header(const Reply &reply, const std::string &name) {
  for (const auto &[key, value] : reply.headers)
    if (key == name) return value;
  return "";
}
inline std::vector<std::string> ids(const Reply &reply) {
  std::vector<std::string> out;
  const Json document = Json::parse(reply.body);
  for (const Json &row : document.at("value")) out.push_back(row.at("id"));
  return out;
}

}  // namespace cordon::emulator

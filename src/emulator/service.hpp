#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "emulator/access_tokens.hpp"
#include "emulator/action_book.hpp"
#include "emulator/call.hpp"
#include "emulator/counters.hpp"
#include "emulator/endpoint.hpp"
#include "emulator/exchange.hpp"
#include "emulator/fault_plan.hpp"
#include "emulator/fleet.hpp"
#include "emulator/identity_endpoints.hpp"
#include "emulator/quota.hpp"
#include "emulator/scenario.hpp"
#include "emulator/service_time.hpp"
#include "emulator/token_endpoint.hpp"

namespace cordon::emulator {

/// The whole service without its sockets: token endpoints, API, quotas, faults. Everything random comes from the seed,
/// but for the key that signs tokens; all time comes from the clock. One thread.
class Service {
 public:
  struct Settings {
    std::uint64_t seed = 1;
    std::size_t machines = 20;  ///< of each tenant's made-up fleet, its cast not counted
    int speed = 1;
  };

  /// `real` must outlive the service.
  Service(Scenario scenario, const Clock &real, Random &key_source, Settings settings);

  /// One request as it came from the wire, to the API and the sign-in service.
  Reply handle(const Request &request);
  /// The same for the managed identity services, which stand elsewhere.
  Reply handle_identity(const Request &request);

  /// The origin of links in answers, e.g. "https://127.0.0.1:8443".
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  // For the control plane and the ready file.
  void advance(std::chrono::nanoseconds by) { time_.advance(by); }
  UtcTicks now() const { return time_.now(); }
  FaultPlan &faults() { return faults_; }
  DeviceCodes &device_codes() { return device_codes_; }
  UtcTicks real_now() const { return time_.real_now(); }
  IdentityEndpoints &identity_endpoints() { return identity_endpoints_; }
  const IdentityEndpoints &identity_endpoints() const { return identity_endpoints_; }
  const Counters &counters() const { return counters_; }
  /// Every machine action in order of creation, visible or not, with its tenantId.
  Json actions();
  const Directory &directory() const { return scenario_.directory; }
  /// nullptr: there is none.
  App *find_app(std::string_view tenant_id, std::string_view client_id) {
    return scenario_.directory.find_app(tenant_id, client_id);
  }
  const QuotaTable &quota() const { return scenario_.quota; }
  /// The made-up fleet of a tenant of the directory.
  const MadeFleet &fleet(const std::string &tenant_id) const { return tenants_.at(tenant_id)->made; }
  /// Its machine actions as of the last call.
  const ActionBook &book(const std::string &tenant_id) const { return tenants_.at(tenant_id)->book; }

 private:
  struct Tenant {
    Tenant(MadeFleet made_, const Scenario &scenario, SeededRandom &random)
        : made(std::move(made_)), book(scenario.timings, scenario.knobs, made.fleet, random) {}
    MadeFleet made;
    ActionBook book;
  };
  /// Where a request goes.
  struct Destination {
    std::string name;  ///< for counters and faults
    std::string path, query;
    std::optional<Route> route;          ///< of the API
    std::optional<TokenProtocol> token;  ///< of the token service
    bool device_code = false;            ///< of the token service
    bool metadata = false;               ///< of the token service
    bool device_page = false;            ///< where a person signs in
    bool identity = false;               ///< a managed identity service
    std::string tenant;                  ///< of the token service

    bool signs_in() const { return token || device_code || metadata; }
  };

  void people_tenants(std::size_t machines);
  Destination find(const Request &request) const;
  static void find_sign_in(const Request &request, Destination &out);
  Reply handle(const Request &request, const Destination &destination);
  std::string origin_of(const Request &request) const;
  Reply openid_metadata(const Request &request, const Destination &destination);
  Reply device_page(const Request &request);
  Reply answer(const Request &request, const Destination &destination);
  Reply answer_with(const Fault &fault, const Request &request, const Destination &destination);
  Reply call_api(const Request &request, const Destination &destination);
  Reply refusal(const Refusal &refusal) { return to_reply(refusal, random_.uuid()); }
  Reply unauthorized();
  Reply throttled(std::optional<std::int64_t> retry_after_s);
  Reply broken(const Destination &destination);
  Reply download(const Destination &destination);
  void name_another_machine(Reply &reply) const;

  Scenario scenario_;
  ServiceTime time_;
  SeededRandom random_;
  AccessTokens tokens_;
  DeviceCodes device_codes_;
  TokenEndpoint token_endpoint_;
  IdentityEndpoints identity_endpoints_;
  FaultPlan faults_;
  QuotaLedger quota_;
  Counters counters_;
  std::map<std::string, std::unique_ptr<Tenant>> tenants_;  ///< by tenant id
  std::string origin_ = "https://localhost";
};

}  // namespace cordon::emulator

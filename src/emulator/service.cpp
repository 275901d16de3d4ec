#include "emulator/service.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

constexpr std::string_view kBearer = "Bearer ";

/// The token of an Authorization header; empty when it carries none.
std::string_view bearer_of(const Request &request) {
  const std::string_view header = request.authorization;
  return equal_ignoring_case(header.substr(0, kBearer.size()), kBearer) ? header.substr(kBearer.size())
                                                                        : std::string_view();
}

/// The names of the permissions of which one is wanted; empty when the roles suffice (mde-api §2.7, §3).
std::string missing_permission(const Endpoint &endpoint, const std::vector<std::string> &roles) {
  for (const std::vector<std::string> &any_of : endpoint.permissions)
    if (std::find_first_of(any_of.begin(), any_of.end(), roles.begin(), roles.end()) == any_of.end())
      return fmt::format("{}", fmt::join(any_of, ", "));
  return {};
}

}  // namespace

Service::Service(Scenario scenario, const Clock &real, Random &key_source, Settings settings)
    : scenario_(std::move(scenario)),
      time_(real, settings.speed),
      random_(settings.seed),
      tokens_(key_source),
      token_endpoint_(scenario_.directory, tokens_, random_, scenario_.timings.token_lifetime),
      faults_(random_) {
  people_tenants(settings.machines);
  for (const Fault &fault : scenario_.faults) faults_.arm(fault);
}

void Service::people_tenants(std::size_t machines) {
  for (const TenantRecord &record : scenario_.directory.tenants) {
    auto tenant =
        std::make_unique<Tenant>(make_fleet(machines, record.domain, random_, time_.now()), scenario_, random_);
    for (const FileRecord &file : scenario_.files) {
      if (!file.microsoft_signed) tenant->made.files.push_back(file.sha1);
      tenant->made.fleet.add(file);
    }
    tenants_.emplace(record.tenant_id, std::move(tenant));
  }
  for (const MachineEntry &entry : scenario_.machines) {
    Machine machine = make_client(entry.name, random_, time_.now());
    entry.describe(machine);
    tenants_.at(entry.tenant_id)->made.fleet.add(std::move(machine));
  }
}

Reply Service::handle(const Request &request) {
  const Destination destination = find(request);
  const std::optional<Fault> fault = faults_.strike(destination.name);
  Reply reply = fault ? answer_with(*fault, request, destination) : answer(request, destination);
  reply.headers.emplace_back("Date", time_.now().http_date());
  counters_.add(destination.name, reply.status);
  return reply;
}

Service::Destination Service::find(const Request &request) const {
  Destination out;
  const std::size_t question = std::min(request.target.find('?'), request.target.size());
  out.path = request.target.substr(0, question);
  out.query = request.target.substr(std::min(request.target.size(), question + 1));
  out.route = find_endpoint(request.method, out.path);
  const std::vector<std::string> segments = path_segments(out.path);
  const bool is_token = segments.size() >= 3 && equal_ignoring_case(segments[1], "oauth2") &&
                        equal_ignoring_case(segments.back(), "token");
  if (is_token && (segments.size() == 3 || (segments.size() == 4 && equal_ignoring_case(segments[2], "v2.0")))) {
    out.token = segments.size() == 3 ? TokenProtocol::V1 : TokenProtocol::V2;
    out.tenant = segments[0];
  }
  const bool is_api = !segments.empty() && equal_ignoring_case(segments[0], "api");
  out.name = out.route   ? out.route->endpoint->name
             : out.token ? std::string(*out.token == TokenProtocol::V1 ? kTokenV1 : kTokenV2)
                         : request.method + (is_api ? " /api/{other}" : " /{other}");
  return out;
}

Reply Service::answer(const Request &request, const Destination &destination) {
  if (destination.route) return call_api(request, destination);
  if (destination.token)
    return token_endpoint_.handle(request, destination.tenant, *destination.token, time_.real_now());
  if (request.method == "GET" && destination.path.starts_with("/safedownload/")) return download(destination);
  return refusal({404, "NotFound", "There is no such resource"});
}

Reply Service::answer_with(const Fault &fault, const Request &request, const Destination &destination) {
  switch (fault.kind) {
    case FaultKind::DropBefore:
      return Reply{.status = 0};
    case FaultKind::DropAfter:
      answer(request, destination);
      return Reply{.status = 0};
    case FaultKind::ErrorBefore:
      return broken(destination);
    case FaultKind::ErrorAfter:
      answer(request, destination);
      return broken(destination);
    case FaultKind::Throttle:
      return throttled(time_.real_seconds(std::chrono::seconds(fault.seconds)));
    case FaultKind::ThrottleNoRetryAfter:
      return throttled(std::nullopt);
    case FaultKind::Html:
      return Reply{.status = 503,
                   .content_type = "text/html",
                   .body = "<html><head><title>503</title></head><body>Service Unavailable</body></html>"};
    case FaultKind::ExpireToken:
      tokens_.revoke(bearer_of(request));
      return answer(request, destination);
    default:
      break;
  }
  Reply reply = answer(request, destination);
  if (fault.kind == FaultKind::Slow) reply.pause_midway = std::chrono::seconds(fault.seconds);
  if (fault.kind == FaultKind::Garbage && reply.status < 300) reply.body = "INVALID RESPONSE";
  if (fault.kind == FaultKind::WrongMachine && reply.status < 300) name_another_machine(reply);
  return reply;
}

/// Token, audience, quota, permissions, then the handler.
Reply Service::call_api(const Request &request, const Destination &destination) {
  const Endpoint &endpoint = *destination.route->endpoint;
  const auto claims = tokens_.verify(bearer_of(request), time_.real_now());
  if (!claims) return unauthorized();
  if (!scenario_.directory.is_api_audience(claims->audience))
    return refusal({403, "Forbidden", "The token is meant for another audience"});
  const std::string account = claims->client_id + ' ' + claims->tenant_id;
  const std::string bucket = account + ' ' + (scenario_.quota.per_endpoint ? endpoint.name : "");
  if (const auto wait = quota_.take(bucket, scenario_.quota.of(endpoint.name), time_.now()))
    return throttled(time_.real_seconds(*wait));
  if (const std::string missing = missing_permission(endpoint, claims->roles); !missing.empty())
    return refusal({403, "Forbidden",
                    "The application does not have any of the required application permissions (" + missing +
                        ") to access the resource."});

  auto query = QueryString::parse(destination.query);
  if (!query) return refusal({400, "BadRequest", "The query has a broken percent escape"});
  Tenant &tenant = *tenants_.at(claims->tenant_id);
  const App *app = scenario_.directory.find_app(claims->tenant_id, claims->client_id);
  const UtcTicks now = time_.now();
  tenant.book.settle(now);
  Call call{request,
            endpoint,
            destination.route->argument,
            destination.path,
            std::move(*query),
            app == nullptr || app->requestor.empty() ? claims->client_id : app->requestor,
            tenant.made.fleet,
            tenant.book,
            scenario_.knobs,
            random_,
            origin_,
            now};
  const Answer answer = endpoint.handle(call);
  return answer ? *answer : refusal(answer.error());
}

Reply Service::unauthorized() {
  Reply reply = refusal({401, "Unauthorized", "The access token is missing, invalid or has expired"});
  reply.headers.emplace_back("WWW-Authenticate", "Bearer error=\"invalid_token\"");
  return reply;
}

Reply Service::throttled(std::optional<std::int64_t> retry_after_s) {
  Reply reply = refusal({429, "TooManyRequests", "The quota of calls has been exceeded"});
  if (retry_after_s) reply.headers.emplace_back("Retry-After", std::to_string(*retry_after_s));
  return reply;
}

/// The documents give a 500 no message (mde-api §10).
Reply Service::broken(const Destination &destination) {
  if (destination.token) return to_reply(entra::kUnavailable, random_, time_.real_now());
  return refusal({500, "InternalServerError", ""});
}

/// An empty zip archive: what the link of a collected package leads to, without a token (mde-api §7).
Reply Service::download(const Destination &destination) {
  const auto query = QueryString::parse(destination.query);
  const std::string *token = query ? query->find("token") : nullptr;
  for (const auto &[id, tenant] : tenants_)
    for (const MachineAction &action : tenant->book.all())
      if (token != nullptr && !token->empty() && action.package_token == *token)
        return Reply{.content_type = "application/zip", .body = std::string("PK\5\6") + std::string(18, '\0')};
  return refusal({404, "NotFound", "There is no such package"});
}

void Service::name_another_machine(Reply &reply) const {
  Json entity = Json::parse(reply.body);
  const std::string named = text_or(entity, "machineId");
  for (const auto &[id, tenant] : tenants_)
    for (const Machine &machine : tenant->made.fleet.machines()) {
      if (machine.id == named) continue;
      entity["machineId"] = machine.id;
      reply.body = dump(entity);
      return;
    }
}

Json Service::actions() {
  std::vector<std::pair<const MachineAction *, std::string>> all;
  for (const auto &[id, tenant] : tenants_) {
    tenant->book.settle(time_.now());
    for (const MachineAction &action : tenant->book.all()) all.emplace_back(&action, id);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto &a, const auto &b) { return a.first->created < b.first->created; });
  Json rows = Json::array();
  for (const auto &[action, tenant_id] : all) {
    rows.push_back(to_json(*action));
    rows.back()["tenantId"] = tenant_id;
  }
  return rows;
}

}  // namespace cordon::emulator

#include "emulator/service.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr const char *kVisitor = "visitor@emulator.example";

/// The token of an Authorization header; empty when it carries none.
std::string_view bearer_of(const Request &request) {
  const std::string_view header = request.authorization;
  return equal_ignoring_case(header.substr(0, kBearer.size()), kBearer) ? header.substr(kBearer.size())
                                                                        : std::string_view();
}

bool grants_any(const std::vector<std::string> &any_of, const std::vector<std::string> &granted) {
  return std::find_first_of(any_of.begin(), any_of.end(), granted.begin(), granted.end()) != any_of.end();
}

/// The names of the permissions of which one is wanted; empty when the token suffices (mde-api §2.7, §3). A person's
/// token needs the first set only, under delegated names.
std::string missing_permission(const Endpoint &endpoint, const TokenClaims &claims) {
  for (std::vector<std::string> any_of : endpoint.permissions) {
    if (claims.user.empty()) {
      if (!grants_any(any_of, claims.roles)) return fmt::format("{}", fmt::join(any_of, ", "));
      continue;
    }
    for (std::string &permission : any_of) permission = delegated_name(permission);
    return grants_any(any_of, claims.scopes) ? std::string() : fmt::format("{}", fmt::join(any_of, ", "));
  }
  return {};
}

}  // namespace

Service::Service(Scenario scenario, const Clock &real, Random &key_source, Settings settings)
    : scenario_(std::move(scenario)),
      time_(real, settings.speed),
      random_(settings.seed),
      tokens_(key_source),
      device_codes_(random_, scenario_.device_codes),
      token_endpoint_(scenario_.directory, tokens_, device_codes_, random_, scenario_.timings.token_lifetime),
      identity_endpoints_(scenario_.directory, token_endpoint_, random_),
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
  return handle(request, find(request));
}

Reply Service::handle_identity(const Request &request) {
  Destination destination = find(request);
  destination.route.reset();
  destination.token.reset();
  destination.device_code = destination.metadata = destination.device_page = false;
  destination.identity = true;
  if (destination.path.ends_with('/')) destination.path.pop_back();  // as some clients write it
  destination.name = request.method + " " + destination.path;
  const std::vector<std::string> names = endpoint_names();
  if (std::find(names.begin(), names.end(), destination.name) == names.end())
    destination.name = request.method + " /{other}";
  return handle(request, destination);
}

Reply Service::handle(const Request &request, const Destination &destination) {
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
  const bool is_api = !segments.empty() && equal_ignoring_case(segments[0], "api");
  out.name = out.route ? out.route->endpoint->name : request.method + (is_api ? " /api/{other}" : " /{other}");
  if (!out.route) find_sign_in(request, out);
  return out;
}

/// `/{tenant}/oauth2/[v2.0/]token`, `/{tenant}/oauth2/v2.0/devicecode`, the metadata and the page for codes.
void Service::find_sign_in(const Request &request, Destination &out) {
  const std::vector<std::string> segments = path_segments(out.path);
  std::string rest;
  for (std::size_t i = 1; i < segments.size(); ++i) rest += "/" + to_lower(segments[i]);
  if (!segments.empty()) out.tenant = segments[0];
  if (rest == "/oauth2/token") {
    out.token = TokenProtocol::V1;
    out.name = kTokenV1;
  } else if (rest == "/oauth2/v2.0/token") {
    out.token = TokenProtocol::V2;
    out.name = kTokenV2;
  } else if (rest == "/oauth2/v2.0/devicecode") {
    out.device_code = true;
    out.name = kDeviceCode;
  } else if (rest == "/v2.0/.well-known/openid-configuration" && request.method == "GET") {
    out.metadata = true;
    out.name = kOpenIdMetadata;
  } else if (out.path == "/devicelogin" && (request.method == "GET" || request.method == "POST")) {
    out.device_page = true;
    out.name = request.method == "GET" ? kDeviceLogin : kDeviceLoginForm;
  }
}

/// A client may know us by another name than the ready file's.
std::string Service::origin_of(const Request &request) const {
  const std::string host = request.header("host");
  return host.empty() ? origin_ : "https://" + host;
}

Reply Service::openid_metadata(const Request &request, const Destination &destination) {
  const TenantRecord *tenant = scenario_.directory.find_tenant(destination.tenant);
  if (tenant == nullptr) return to_reply(entra::kUnknownTenant, random_, time_.real_now());
  const std::string base = origin_of(request) + "/" + tenant->tenant_id;
  return Reply{.content_type = "application/json; charset=utf-8",
               .body = dump(Json{{"issuer", base + "/v2.0"},
                                 {"authorization_endpoint", base + "/oauth2/v2.0/authorize"},
                                 {"token_endpoint", base + "/oauth2/v2.0/token"},
                                 {"device_authorization_endpoint", base + "/oauth2/v2.0/devicecode"},
                                 {"jwks_uri", base + "/discovery/v2.0/keys"},
                                 {"token_endpoint_auth_methods_supported",
                                  {"client_secret_post", "private_key_jwt", "client_secret_basic"}},
                                 {"cloud_instance_name", scenario_.directory.cloud_instance},
                                 {"tenant_region_scope", nullptr}})};
}

/// The page on which a person types in the code; the control plane does the same for tests.
Reply Service::device_page(const Request &request) {
  std::string line = "Enter the code your program has shown.";
  if (request.method == "POST") {
    const QueryString form = QueryString::parse(request.body).value_or(QueryString());
    const std::string *code = form.find("code"), *user = form.find("user"), *decision = form.find("decision");
    const bool approve = decision == nullptr || *decision != "decline";
    const bool known =
        code != nullptr &&
        device_codes_.decide(*code, approve, user == nullptr || user->empty() ? kVisitor : *user, time_.real_now());
    line = !known ? "That code is not known, or has expired." : approve ? "You are signed in." : "You have declined.";
  }
  return Reply{.content_type = "text/html; charset=utf-8",
               .body = "<!doctype html><title>Sign in</title><p>" + line +
                       "</p><form method=\"post\"><input name=\"code\" placeholder=\"code\"> <input name=\"user\" "
                       "placeholder=\"user\"> <button name=\"decision\" value=\"approve\">Sign in</button> <button "
                       "name=\"decision\" value=\"decline\">Decline</button></form>"};
}

Reply Service::answer(const Request &request, const Destination &destination) {
  if (destination.route) return call_api(request, destination);
  const UtcTicks real_now = time_.real_now();
  if (destination.identity) {
    auto reply = identity_endpoints_.handle(request, destination.path, destination.query, real_now);
    return reply ? std::move(*reply)
                 : Reply{.status = 404,
                         .content_type = "application/json; charset=utf-8",
                         .body = R"({"error":"not_found","error_description":"There is no such service"})"};
  }
  if (destination.token)
    return token_endpoint_.handle(request, destination.tenant, *destination.token, origin_of(request), real_now);
  if (destination.device_code)
    return token_endpoint_.handle_device_code(request, destination.tenant, origin_of(request), real_now);
  if (destination.metadata) return openid_metadata(request, destination);
  if (destination.device_page) return device_page(request);
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
  if (const std::string missing = missing_permission(endpoint, *claims); !missing.empty())
    return refusal({403, "Forbidden",
                    std::string("The application does not have any of the required ") +
                        (claims->user.empty() ? "application" : "delegated") + " permissions (" + missing +
                        ") to access the resource."});

  auto query = QueryString::parse(destination.query);
  if (!query) return refusal({400, "BadRequest", "The query has a broken percent escape"});
  Tenant &tenant = *tenants_.at(claims->tenant_id);
  const App *app = scenario_.directory.find_app(claims->tenant_id, claims->client_id);
  const std::string requestor = !claims->user.empty()                      ? claims->user
                                : app == nullptr || app->requestor.empty() ? claims->client_id
                                                                           : app->requestor;
  const UtcTicks now = time_.now();
  tenant.book.settle(now);
  Call call{request,           endpoint,          destination.route->argument,
            destination.path,  std::move(*query), requestor,
            tenant.made.fleet, tenant.book,       scenario_.knobs,
            random_,           origin_,           now};
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
  if (destination.signs_in()) return to_reply(entra::kUnavailable, random_, time_.real_now());
  if (destination.identity)
    return Reply{
        .status = 500,
        .content_type = "application/json; charset=utf-8",
        .body = R"({"error":"unknown","error_description":"Failed to retrieve a token from Active Directory"})"};
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

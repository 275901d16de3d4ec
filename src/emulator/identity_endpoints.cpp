#include "emulator/identity_endpoints.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "emulator/output_file.hpp"

namespace cordon::emulator {
namespace {

Reply json_reply(int status, const Json &body) {
  return Reply{.status = status, .content_type = "application/json; charset=utf-8", .body = dump(body)};
}

Reply imds_error(int status, const char *error, const char *text) {
  return json_reply(status, {{"error", error}, {"error_description", text}});
}

Reply app_service_error(int status, const char *text) {
  return json_reply(status, {{"statusCode", status}, {"message", text}});
}

std::string value_of(const QueryString &query, const char *name) {
  const std::string *value = query.find(name);
  return value == nullptr ? std::string() : *value;
}

/// All numbers are texts; App Service tells the end alone.
Json answer_of(TokenEndpoint &tokens, const App &app, const std::string &resource, UtcTicks real_now, bool brief) {
  const std::int64_t now = real_now.unix_seconds(), lifetime = tokens.lifetime().count();
  Json body = {{"access_token", tokens.issue(app, resource, real_now)},
               {"expires_on", std::to_string(now + lifetime)},
               {"resource", resource},
               {"token_type", "Bearer"}};
  if (brief) {
    body["client_id"] = app.client_id;
    return body;
  }
  body["refresh_token"] = "";
  body["expires_in"] = body["ext_expires_in"] = std::to_string(lifetime);
  body["not_before"] = std::to_string(now);
  body["client_id"] = app.client_id;
  return body;
}

std::string text_of(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

IdentityEndpoints::~IdentityEndpoints() {
  std::error_code ignored;
  for (const auto &key : arc_keys_) std::filesystem::remove(key, ignored);
}

std::optional<Reply> IdentityEndpoints::handle(const Request &request, const std::string &path,
                                               const std::string &query_text, UtcTicks real_now) {
  const auto query = QueryString::parse(query_text);
  if (!query) return imds_error(400, "invalid_request", "The query has a broken percent escape");
  const std::string name = request.method + " " + path;
  if (name == kImds) return imds(request, *query, real_now);
  if (name == kAppService) return app_service(request, *query, real_now);
  if (name == kArc) return arc(request, *query, real_now);
  return std::nullopt;
}

Reply IdentityEndpoints::imds(const Request &request, const QueryString &query, UtcTicks real_now) {
  if (request.header("metadata") != "true")
    return imds_error(400, "bad_request_102", "Required metadata header not specified");
  if (!request.header("x-forwarded-for").empty())
    return imds_error(400, "invalid_request", "Requests that came through a proxy are refused");
  if (value_of(query, "api-version").empty()) return imds_error(400, "invalid_request", "api-version is missing");
  const std::string resource = value_of(query, "resource");
  if (!directory_.is_known_audience(resource))
    return imds_error(400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant");
  const App *app = directory_.find_identity(value_of(query, "client_id"), value_of(query, "object_id"),
                                            value_of(query, "msi_res_id"));
  if (app == nullptr) return imds_error(400, "invalid_request", "Identity not found");
  return json_reply(200, answer_of(tokens_, *app, resource, real_now, false));
}

Reply IdentityEndpoints::app_service(const Request &request, const QueryString &query, UtcTicks real_now) {
  if (request.header("x-identity-header") != app_service_header_)
    return app_service_error(403, "The X-IDENTITY-HEADER is missing or wrong");
  if (value_of(query, "api-version") != "2019-08-01") return app_service_error(400, "The api-version is not supported");
  const std::string resource = value_of(query, "resource");
  if (!directory_.is_known_audience(resource)) return app_service_error(400, "The resource is not known");
  const App *app = directory_.find_identity(value_of(query, "client_id"), value_of(query, "object_id"),
                                            value_of(query, "mi_res_id"));
  if (app == nullptr) return app_service_error(400, "No managed identity found for the parameters given");
  return json_reply(200, answer_of(tokens_, *app, resource, real_now, true));
}

/// Only who may read the agent's files gets a token.
Reply IdentityEndpoints::arc(const Request &request, const QueryString &query, UtcTicks real_now) {
  if (request.header("metadata") != "true")
    return imds_error(400, "bad_request_102", "Required metadata header not specified");
  const std::string version = value_of(query, "api-version"), resource = value_of(query, "resource");
  if (version != "2019-11-01" && version != "2020-06-01")
    return imds_error(400, "invalid_request", "The api-version is not supported");
  if (!value_of(query, "client_id").empty() || !value_of(query, "object_id").empty())
    return imds_error(400, "invalid_request", "User-assigned identities are not supported");
  if (!directory_.is_known_audience(resource)) return imds_error(400, "invalid_resource", "The resource is not known");
  constexpr std::string_view kScheme = "Basic ";
  if (!request.authorization.starts_with(kScheme)) return challenge();
  const std::string given = request.authorization.substr(kScheme.size());
  const auto key = std::find_if(arc_keys_.begin(), arc_keys_.end(),
                                [&](const std::filesystem::path &path) { return text_of(path) == given; });
  if (given.empty() || key == arc_keys_.end()) return imds_error(403, "access_denied", "The key is wrong");
  std::error_code ignored;
  std::filesystem::remove(*key, ignored);
  arc_keys_.erase(key);
  const App *app = directory_.find_identity("", "", "");
  if (app == nullptr) return imds_error(400, "invalid_request", "Identity not found");
  return json_reply(200, answer_of(tokens_, *app, resource, real_now, false));
}

Reply IdentityEndpoints::challenge() {
  const std::filesystem::path file = arc_key_dir_ / (random_.uuid() + ".key");
  if (arc_key_dir_.empty() || !write_file(file, random_.hex(64), 0600))
    return imds_error(500, "unknown", "The agent has no directory for its keys");
  arc_keys_.insert(file);
  Reply reply = imds_error(401, "unauthorized", "Read the key file and come again");
  reply.headers.emplace_back("WWW-Authenticate", "Basic realm=" + file.string());
  return reply;
}

}  // namespace cordon::emulator

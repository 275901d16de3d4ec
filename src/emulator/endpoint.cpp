#include "emulator/endpoint.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "emulator/identity_endpoints.hpp"

namespace cordon::emulator {
namespace {

using Permissions = std::vector<std::vector<std::string>>;

const std::vector<std::string> kRead = {"Machine.Read.All", "Machine.ReadWrite.All"};
/// The service offers more ways to cancel than the emulator has actions.
const std::vector<std::string> kCancel = {
    "Machine.CollectForensics", "Machine.Isolate",           "Machine.RestrictExecution", "Machine.Scan",
    "Machine.Offboard",         "Machine.StopAndQuarantine", "Machine.LiveResponse"};

Endpoint make(std::string method, std::string path, Answer (*handle)(Call &), Permissions permissions,
              const ActionKind *kind = nullptr) {
  Endpoint endpoint{method + " " + path, std::move(method), path_segments(path), handle, std::move(permissions), kind};
  if (endpoint.name.ends_with('(')) endpoint.name.pop_back();
  return endpoint;
}

/// Fixed segments stand before the variable ones that would match them too.
std::vector<Endpoint> make_endpoints() {
  std::vector<Endpoint> out;
  for (const ActionKind &kind : action_kinds()) {
    Permissions permissions = {{std::string(kind.permission)}};
    if (kind.also_needs_read) permissions.push_back(kRead);
    out.push_back(make("POST", "/api/machines/{id}/" + std::string(kind.verb), &submit_action, permissions, &kind));
  }
  out.push_back(make("POST", "/api/machineactions/{id}/cancel", &cancel_action, {kCancel}));
  out.push_back(make("GET", "/api/machineactions", &list_actions, {kRead}));
  out.push_back(make("GET", "/api/machineactions/$count", &count_actions, {kRead}));
  out.push_back(make("GET", "/api/machineactions/{id}", &get_action, {kRead}));
  out.push_back(make("GET", "/api/machineactions/{id}/getPackageUri", &get_package_uri, {kRead}));
  out.push_back(make("GET", "/api/machines", &list_machines, {kRead}));
  out.push_back(make("GET", "/api/machines/$count", &count_machines, {kRead}));
  out.push_back(make("GET", "/api/machines/findbytag", &find_machines_by_tag, {kRead}));
  out.push_back(make("GET", "/api/machines/findbyip(", &find_machines_by_ip, {kRead}));
  out.push_back(make("GET", "/api/machines/{id}", &get_machine, {kRead}));
  out.push_back(make("GET", "/api/machines/{id}/machineactions", &list_machine_actions, {kRead}));
  out.push_back(make("GET", "/api/files/{hash}", &get_file, {kRead}));
  out.push_back(make("GET", "/api/files/{hash}/machines", &list_file_machines, {kRead}));
  return out;
}

/// Sets `argument` when the segment is a variable one.
bool matches(const std::string &pattern, const std::string &segment, std::string &argument) {
  if (pattern.starts_with('{')) {
    argument = segment;
    return !segment.empty();
  }
  if (!pattern.ends_with('(')) return equal_ignoring_case(pattern, segment);
  if (!segment.ends_with(')') || !equal_ignoring_case(segment.substr(0, pattern.size()), pattern)) return false;
  argument = segment.substr(pattern.size(), segment.size() - pattern.size() - 1);
  return true;
}

bool matches(const Endpoint &endpoint, const std::vector<std::string> &path, std::string &argument) {
  return std::equal(
      endpoint.path.begin(), endpoint.path.end(), path.begin(), path.end(),
      [&](const std::string &pattern, const std::string &segment) { return matches(pattern, segment, argument); });
}

}  // namespace

const std::vector<Endpoint> &endpoints() {
  static const std::vector<Endpoint> table = make_endpoints();
  return table;
}

std::vector<std::string> endpoint_names() {
  std::vector<std::string> names;
  for (const Endpoint &endpoint : endpoints()) names.push_back(endpoint.name);
  for (const std::string_view name :
       {kTokenV1, kTokenV2, kDeviceCode, kOpenIdMetadata, kDeviceLogin, kDeviceLoginForm, IdentityEndpoints::kImds,
        IdentityEndpoints::kAppService, IdentityEndpoints::kArc})
    names.emplace_back(name);
  return names;
}

std::optional<Route> find_endpoint(std::string_view method, std::string_view path) {
  std::vector<std::string> segments = path_segments(path);
  if (segments.size() > 1 && equal_ignoring_case(segments[1], "v1.0")) segments.erase(segments.begin() + 1);
  for (const Endpoint &endpoint : endpoints()) {
    std::string argument;
    if (endpoint.method == method && matches(endpoint, segments, argument)) return Route{&endpoint, argument};
  }
  return std::nullopt;
}

std::vector<std::string> path_segments(std::string_view path) {
  std::vector<std::string> out;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    auto decoded = percent_decode(segment, false);
    if (!decoded) return {};
    out.push_back(std::move(*decoded));
  }
  return out;
}

}  // namespace cordon::emulator

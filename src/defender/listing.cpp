#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "defender/odata.hpp"

namespace cordon::defender {
namespace {

constexpr std::int64_t kDefaultPage = 1000;  // as the schema says; without $top the service decides

std::vector<std::string> texts_of(const Json &object, const char *key) {
  std::vector<std::string> out;
  if (const auto it = object.find(key); it != object.end() && it->is_array())
    for (const Json &text : *it)
      if (text.is_string()) out.push_back(text.get<std::string>());
  return out;
}

UtcTicks time_of(const Json &object, const char *key) {
  return UtcTicks::parse(text_or(object, key)).value_or(UtcTicks());
}

Error alone(const char *member) {
  const std::string pointer = std::string("/filter/") + member;
  return Error(Status::InvalidArgument,
               fmt::format("request at {}: the service looks this up by itself; leave the filter's other members out",
                           pointer))
      .at(pointer);
}

/// True when `filter` has no member but those named, and none of no effect.
bool only(const Json &filter, std::initializer_list<std::string_view> members) {
  for (const auto &[key, value] : filter.items()) {
    bool known = false;
    for (const std::string_view member : members) known = known || key == member;
    if (!known) return false;
  }
  return true;
}

/// The look-ups that are paths of their own and take no filter (mde-api §8); "" when none is asked for.
Result<std::string> lookup_target(const Json &filter) {
  if (filter.contains("sha1")) {
    if (!only(filter, {"sha1"})) return fail(alone("sha1"));
    return fmt::format("/api/files/{}/machines", percent_encode(text_or(filter, "sha1")));
  }
  if (filter.contains("seen_at")) {
    if (!filter.contains("ip") || !only(filter, {"ip", "seen_at"})) return fail(alone("seen_at"));
    return fmt::format("/api/machines/findbyip(ip={},timestamp={})",
                       percent_encode(ODataQuery::quote(text_or(filter, "ip"))),
                       percent_encode(time_of(filter, "seen_at").str()));
  }
  for (const char *member : {"tag", "tag_prefix"})
    if (filter.contains(member) && only(filter, {member}))
      return fmt::format("/api/machines/findbytag?tag={}&useStartsWithFilter={}",
                         percent_encode(text_or(filter, member)), std::string_view(member) == "tag_prefix");
  if (filter.contains("tag_prefix")) return fail(alone("tag_prefix"));
  return std::string();
}

}  // namespace

std::string action_list_target(const ActionFilter &filter) {
  ODataQuery query;
  query.any_of("id", filter.action_ids).any_of("machineId", filter.machine_ids);
  query.any_of("type", filter.types).any_of("status", filter.statuses);
  if (!filter.requestor.empty()) query.equals("requestor", filter.requestor);
  if (!filter.external_id.empty()) query.equals("externalId", filter.external_id);
  if (filter.created_since.is_set() && filter.or_open)
    query.open_or_since(filter.created_since);
  else if (filter.created_since.is_set())
    query.since("creationDateTimeUtc", filter.created_since);
  if (filter.updated_since.is_set()) query.since("lastUpdateDateTimeUtc", filter.updated_since);
  if (filter.ascending_by_update)
    query.order_by("lastUpdateDateTimeUtc", false);
  else
    query.order_by("creationDateTimeUtc", true);
  return "/api/machineactions" + query.top(filter.top).skip(filter.skip).str();
}

ActionFilter action_filter_of(const Json &filter) {
  ActionFilter out;
  if (!filter.is_object()) return out;
  const auto one = [&filter](const char *key) {
    std::vector<std::string> texts;
    if (filter.contains(key)) texts.push_back(text_or(filter, key));
    return texts;
  };
  out.action_ids = texts_of(filter, "action_ids");
  out.machine_ids = one("machine_id");
  out.types = one("type");
  out.statuses = one("status");
  out.requestor = text_or(filter, "requestor");
  out.external_id = text_or(filter, "external_id");
  out.created_since = time_of(filter, "since");
  out.updated_since = time_of(filter, "updated_since");
  out.top = int_or(filter, "top", kDefaultPage);
  out.skip = int_or(filter, "skip", -1);
  return out;
}

Result<std::string> machine_list_target(const Json &filter) {
  auto lookup = lookup_target(filter);
  if (!lookup || !lookup->empty()) return lookup;

  ODataQuery query;
  query.any_of("id", texts_of(filter, "machine_ids"));
  static constexpr std::pair<const char *, const char *> kEquals[] = {
      {"computer_name", "computerDnsName"}, {"ip", "lastIpAddress"},     {"os_platform", "osPlatform"},
      {"health_status", "healthStatus"},    {"risk_score", "riskScore"}, {"onboarding_status", "onboardingStatus"},
      {"entra_device_id", "aadDeviceId"}};
  for (const auto &[member, property] : kEquals)
    if (filter.contains(member)) query.equals(property, text_or(filter, member));
  if (filter.contains("device_group_id")) query.equals("rbacGroupId", int_or(filter, "device_group_id", 0));
  if (filter.contains("name_prefix")) query.starts_with("computerDnsName", text_or(filter, "name_prefix"));
  if (filter.contains("tag")) query.contains("machineTags", text_or(filter, "tag"));
  if (filter.contains("last_seen_since")) query.since("lastSeen", time_of(filter, "last_seen_since"));
  return "/api/machines" + query.top(int_or(filter, "top", kDefaultPage)).skip(int_or(filter, "skip", -1)).str();
}

std::string machines_by_id_target(const std::vector<std::string> &machine_ids) {
  return "/api/machines" + ODataQuery().any_of("id", machine_ids).str();
}

}  // namespace cordon::defender

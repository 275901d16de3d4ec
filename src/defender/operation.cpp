#include "defender/operation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "defender/odata.hpp"

namespace cordon::defender {
namespace {

constexpr std::string_view kRequest = "request";

Error at(const std::string &pointer, const std::string &problem) {
  return Error(Status::InvalidArgument, fmt::format("{} at {}: {}", kRequest, pointer, problem)).at(pointer);
}

/// Replaces the text at `value` by its normal form.
template <class IdType>
Result<void> normalise(Json &value, const std::string &pointer) {
  auto id = IdType::parse(value.get_ref<const std::string &>());
  if (!id) return fail(at(pointer, id.error().message));
  value = id->str();
  return {};
}

/// The typed rules, by a member's name wherever it stands (request or filter). A value of another type is the schema's
/// business.
Result<void> check_member(const std::string &key, Json &value, const std::string &pointer) {
  const bool is_list = key == "machine_ids" || key == "action_ids";
  if (is_list ? !value.is_array() : !value.is_string()) return {};
  if (key == "machine_id") return normalise<MachineId>(value, pointer);
  if (key == "sha1") return normalise<Sha1>(value, pointer);
  if (key == "action_id") return normalise<ActionId>(value, pointer);
  if (key == "request_id" || key == "after_request_id") return normalise<RequestId>(value, pointer);
  if (key == "comment") {
    if (value.get_ref<const std::string &>().find_first_not_of(" \t\r\n") == std::string::npos)
      return fail(at(pointer, "is blank; say why this is done"));
    return {};
  }
  if (key == "since" || key == "updated_since" || key == "seen_at" || key == "last_seen_since") {
    if (!UtcTicks::parse(value.get_ref<const std::string &>()))
      return fail(at(pointer, "is not a time; give RFC 3339 in UTC, such as 2026-02-03T10:11:12Z"));
    return {};
  }
  if (is_list)
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string place = fmt::format("{}/{}", pointer, i);
      if (!value[i].is_string()) continue;
      auto good = key == "machine_ids" ? normalise<MachineId>(value[i], place) : normalise<ActionId>(value[i], place);
      if (!good) return good;
    }
  return {};
}

Result<void> check_members(Json &object, const std::string &pointer) {
  for (auto &[key, value] : object.items())
    if (auto good = check_member(key, value, pointer + "/" + json_pointer_token(key)); !good) return good;
  return {};
}

void fill_defaults(Json &request, const Json &schema) {
  const auto properties = schema.find("properties");
  if (properties == schema.end()) return;
  for (const auto &[key, property] : properties->items())
    if (property.contains("default") && !request.contains(key)) request[key] = property["default"];
}

/// What the action says of the field; empty where it says nothing that could be compared: a request names its file by
/// SHA-1.
std::string_view shown(const MatchField &field, const MachineAction &action) {
  if (field.in == MatchField::In::Scope) return action.scope;
  const std::string &type = action.file_identifier_type;
  return type.empty() || equal_ignoring_case(type, "Sha1") ? action.file_identifier : std::string_view();
}

bool shows(const MatchField &field, const Json &request, const MachineAction &action) {
  return equal_ignoring_case(shown(field, action), text_or(request, field.member.c_str()));
}

/// The service takes UnManagedDevice, and documents no other answers than Full, Selective and Quick (mde-api §5.1):
/// what it answers there says nothing about what was asked.
bool is_comparable(const MatchField &field, const Json &request) {
  return field.in != MatchField::In::Scope ||
         !equal_ignoring_case(text_or(request, field.member.c_str()), "UnManagedDevice");
}

bool satisfied(const std::vector<std::string> &any_of, const std::vector<std::string> &roles) {
  return std::any_of(any_of.begin(), any_of.end(), [&roles](const std::string &permission) {
    return std::find(roles.begin(), roles.end(), permission) != roles.end();
  });
}

}  // namespace

Result<Json> Operation::check(const Json &request) const {
  // The typed rules come first: they know what a person may have meant by a text of the wrong length.
  Json checked = request;
  if (checked.is_object())
    if (auto good = check_members(checked, ""); !good) return fail(std::move(good.error()));
  if (auto good = schema->validate(checked, kRequest); !good) return fail(std::move(good.error()));
  fill_defaults(checked, request_schema);
  if (const auto filter = checked.find("filter"); filter != checked.end()) {
    if (auto good = check_members(*filter, "/filter"); !good) return fail(std::move(good.error()));
    if (query == "machines")
      if (auto target = machine_list_target(*filter); !target) return fail(std::move(target.error()));
  }
  return checked;
}

std::string describe(const PermissionSets &sets) {
  std::string out;
  for (const auto &set : sets) {
    if (!out.empty()) out += " and ";
    if (set.size() == 1)
      out += set.front();
    else
      out += fmt::format("one of {}", fmt::join(set, ", "));
  }
  return out;
}

std::string Operation::missing_permissions(const std::vector<std::string> &granted, bool delegated) const {
  PermissionSets missing;
  for (const auto &set : delegated ? delegated_permissions : application_permissions)
    if (!satisfied(set, granted)) missing.push_back(set);
  return describe(missing);
}

bool same_parameters(const Operation &operation, const Json &request, const MachineAction &action) {
  return std::all_of(operation.match.begin(), operation.match.end(), [&](const MatchField &field) {
    return !shown(field, action).empty() && shows(field, request, action);
  });
}

bool contradicts(const Operation &operation, const Json &request, const MachineAction &action) {
  return std::any_of(operation.match.begin(), operation.match.end(), [&](const MatchField &field) {
    if (!is_comparable(field, request)) return false;
    return !shown(field, action).empty() && !shows(field, request, action);
  });
}

Json parameters_of(const Operation &operation, const MachineAction &action) {
  Json parameters = Json::object();
  for (const MatchField &field : operation.match)
    if (!shown(field, action).empty()) parameters[field.member] = shown(field, action);
  return parameters;
}

}  // namespace cordon::defender

#include <fmt/format.h>

#include <stdexcept>

#include "base/own_stack.hpp"
#include "base/text.hpp"
#include "defender/operation.hpp"
#include "embedded/operations_json.hpp"
#include "embedded/options_schema.hpp"

namespace cordon::defender {
namespace {

/// The catalogue is ours: what is wrong in it is a broken promise, found by the first test that runs.
const Json &member(const Json &object, const char *key) {
  const auto it = object.find(key);
  if (it == object.end()) throw std::logic_error(fmt::format("operations.json: an entry has no {}", key));
  return *it;
}

OperationKind kind_of(const std::string &word) {
  if (word == "action") return OperationKind::Action;
  if (word == "read") return OperationKind::Read;
  if (word == "local") return OperationKind::Local;
  throw std::logic_error("operations.json: unknown kind");
}

Effect effect_of(const std::string &word) {
  if (word == "contain") return Effect::Contain;
  if (word == "release") return Effect::Release;
  if (word == "none") return Effect::None;
  throw std::logic_error("operations.json: unknown effect");
}

MatchField::In place_of(const std::string &word) {
  if (word == "scope") return MatchField::In::Scope;
  if (word == "file_identifier") return MatchField::In::FileIdentifier;
  throw std::logic_error("operations.json: unknown place of a parameter");
}

/// What an operation has only when it reaches the service.
void read_service_side(const Json &entry, Operation &operation) {
  operation.method = member(entry, "method").get<std::string>();
  operation.path = member(entry, "path").get<std::string>();
  operation.query = text_or(entry, "query");
  for (const Json &field : member(entry, "body"))
    operation.body.emplace_back(member(field, "name").get<std::string>(), member(field, "from").get<std::string>());
  operation.action_type = text_or(entry, "action_type");
  for (const Json &field : member(entry, "match"))
    operation.match.emplace_back(member(field, "member").get<std::string>(),
                                 place_of(member(field, "in").get<std::string>()));
  operation.effect = effect_of(member(entry, "effect").get<std::string>());
  operation.destructive = member(entry, "destructive").get<bool>();
  operation.reversible = member(entry, "reversible").get<bool>();
  operation.idempotent = member(entry, "idempotent").get<bool>();
  operation.undo = text_or(entry, "undo");
  operation.undo_remark = text_or(entry, "undo_remark");
  const Json &permissions = member(entry, "permissions");
  operation.application_permissions = member(permissions, "application").get<PermissionSets>();
  operation.delegated_permissions = member(permissions, "delegated").get<PermissionSets>();
  operation.delegated_role = member(permissions, "role").get<std::string>();
  operation.quota_class = member(entry, "quota_class").get<std::string>();
  operation.prerequisites = text_or(entry, "prerequisites");
}

Operation read_operation(const Json &entry, const Json &options) {
  Operation operation;
  operation.name = member(entry, "name").get<std::string>();
  operation.title = member(entry, "title").get<std::string>();
  operation.kind = kind_of(member(entry, "kind").get<std::string>());
  if (operation.kind != OperationKind::Local) read_service_side(entry, operation);
  operation.request_schema = member(entry, "request");
  operation.request_schema["properties"]["options"] = options;  // stands there as a reference
  operation.schema = std::make_shared<const JsonSchema>(operation.request_schema);
  return operation;
}

}  // namespace

Catalogue::Catalogue(std::string_view operations_json, std::string_view options_schema) {
  const Json document = Json::parse(operations_json);
  Json options = Json::parse(options_schema);
  options.erase("$schema");
  options_schema_ = std::make_unique<JsonSchema>(options);
  for (const Json &entry : member(document, "operations")) {
    operations_.push_back(read_operation(entry, options));
    if (!by_name_.emplace(operations_.back().name, operations_.size() - 1).second)
      throw std::logic_error("operations.json: two operations have one name");
  }
  for (const Json &entry : member(document, "quota_classes")) {
    QuotaClass &quota = quota_classes_.emplace_back();
    quota.name = member(entry, "name").get<std::string>();
    for (const Json &window : member(entry, "windows"))
      quota.windows.emplace_back(member(window, "calls").get<int>(), member(window, "seconds").get<int>());
  }
}

const Catalogue &Catalogue::instance() {
  static const Catalogue *const catalogue = [] {
    const Catalogue *made = nullptr;
    on_own_stack([&made] { made = new Catalogue(embedded::operations_json, embedded::options_schema); });
    return made;
  }();
  return *catalogue;  // never destroyed: a call may still run when the host's exit handlers do
}

const Operation *Catalogue::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : &operations_[it->second];
}

Result<const Operation *> Catalogue::require(std::string_view name) const {
  if (const Operation *operation = find(name)) return operation;
  std::string names;
  for (const Operation &operation : operations_) names += (names.empty() ? "" : ", ") + operation.name;
  return fail(Status::NotSupported, fmt::format("there is no such operation; there are {}", names));
}

const Operation *Catalogue::by_action_type(std::string_view type) const {
  for (const Operation &operation : operations_)
    if (!operation.action_type.empty() && equal_ignoring_case(operation.action_type, type)) return &operation;
  return nullptr;
}

}  // namespace cordon::defender

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/schema.hpp"
#include "defender/action.hpp"

namespace cordon::defender {

enum class OperationKind { Action, Read, Local };
enum class Effect { None, Contain, Release };

/// All sets must be satisfied, each by any one of its members: {{A}, {B, C}} = A and (B or C) (mde-api §3).
using PermissionSets = std::vector<std::vector<std::string>>;

/// A property of the request's body: its case-sensitive wire name and the member it is filled from. The member
/// "external_id" is the request id (§4).
struct BodyField {
  BodyField() = default;
  BodyField(std::string name_, std::string member_) : name(std::move(name_)), member(std::move(member_)) {}
  std::string name;
  std::string member;
};

/// A request member that tells two actions of one type on one device apart, and the action's field it shows in.
struct MatchField {
  enum class In { Scope, FileIdentifier };
  MatchField(std::string member_, In in_) : member(std::move(member_)), in(in_) {}
  std::string member;
  In in;
};

/// One entry of plugin_manifest/operations.json. Immutable. [any-thread]
struct Operation {
  Operation() = default;

  bool is_action() const { return kind == OperationKind::Action; }
  /// It acts by ending an action of the service, and starts none of its own.
  bool is_cancel() const { return is_action() && action_type.empty(); }
  /// The permissions that a token with `granted` lacks, as a text like "Machine.Scan and one of A, B"; "" if none.
  /// `delegated`: a person's token, whose roles and device groups count too.
  std::string missing_permissions(const std::vector<std::string> &granted, bool delegated = false) const;

  /// Checks a request against the schema and the typed rules it can't express (ids, times, blank comments), and returns
  /// it with ids in lower case and defaults filled in. Errors: INVALID_ARGUMENT with pointer.
  Result<Json> check(const Json &request) const;

  std::string name;   ///< "restrict_code_execution"
  std::string title;  ///< "Restrict app execution"
  OperationKind kind = OperationKind::Local;
  std::string method;  ///< "POST", "GET"; empty for local ones
  std::string path;    ///< "/api/machines/{machine_id}/restrictCodeExecution"
  std::string query;   ///< "machine_actions", "machines" or empty: what `filter` is turned into
  std::vector<BodyField> body;
  std::string action_type;  ///< the service's word; empty when the operation starts no action of its own
  std::vector<MatchField> match;
  Effect effect = Effect::None;
  bool destructive = false;
  bool reversible = false;
  bool idempotent = false;  ///< a second one leaves the device as the first did
  std::string undo;         ///< name of the operation that reverses it; empty: none
  std::string undo_remark;  ///< what a person has to do instead
  PermissionSets application_permissions;
  PermissionSets delegated_permissions;
  std::string delegated_role;
  std::string quota_class;
  std::string prerequisites;
  Json request_schema;  ///< with the options schema in place
  std::shared_ptr<const JsonSchema> schema;
};

/// "Machine.StopAndQuarantine and one of Machine.Read.All, Machine.ReadWrite.All"
std::string describe(const PermissionSets &sets);

/// Whether an action of the right type on the right device does what the request asks: every match field is equal.
/// An action that does not tell (null scope, no file) does not match.
bool same_parameters(const Operation &operation, const Json &request, const MachineAction &action);
/// True when the action shows a parameter that differs; what it does not tell contradicts nothing.
bool contradicts(const Operation &operation, const Json &request, const MachineAction &action);

/// The request members that tell such actions apart, as the action shows them.
Json parameters_of(const Operation &operation, const MachineAction &action);

struct QuotaWindow {
  QuotaWindow(int calls_, int seconds_) : calls(calls_), seconds(seconds_) {}
  int calls;
  int seconds;
};
struct QuotaClass {
  QuotaClass() = default;
  std::string name;
  std::vector<QuotaWindow> windows;
};

/// The operations and quota classes the library knows, embedded. Immutable. [any-thread]
class Catalogue {
 public:
  static const Catalogue &instance();
  explicit Catalogue(std::string_view operations_json, std::string_view options_schema);

  /// nullptr if there is none of that name.
  const Operation *find(std::string_view name) const;
  /// NOT_SUPPORTED, naming the operations there are.
  Result<const Operation *> require(std::string_view name) const;
  /// The operation that starts actions of the service's type; nullptr for a type Cordon does not start.
  const Operation *by_action_type(std::string_view type) const;
  const std::vector<Operation> &operations() const { return operations_; }
  const std::vector<QuotaClass> &quota_classes() const { return quota_classes_; }
  /// The options schema, for calls whose options do not come inside a request.
  const JsonSchema &options_schema() const { return *options_schema_; }

 private:
  std::vector<Operation> operations_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::vector<QuotaClass> quota_classes_;
  std::unique_ptr<JsonSchema> options_schema_;
};

}  // namespace cordon::defender

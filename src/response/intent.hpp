#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "defender/operation.hpp"
#include "response/tenant.hpp"

namespace cordon::response {

/// The caller's options (plugin_manifest/schemas/options.schema.json), already checked against the schema.
struct Options {
  Options() = default;
  static Result<Options> parse(const Json &options);

  std::string tenant;
  RequestId request_id;
  std::string idempotency_key;
  std::string call_id;
  bool until_finished = false;
  std::string priority = "normal";
  std::optional<milliseconds> valid_for;
  std::optional<milliseconds> max_age;
  Json labels = Json::object();
  std::string actor;
  bool dry_run = false;
  bool force_new = false;
};

/// A validated wish to act: what, on which device, for which tenant. Nothing of it is secret.
struct Intent {
  Intent() = default;
  /// `request` is what Operation::check returned; its member `options` is taken out and parsed.
  static Result<Intent> make(const defender::Operation &operation, Json request, std::shared_ptr<Tenant> tenant);

  /// Equal for requests that ask for the same, comment included: tells whether an idempotency key is used again for
  /// something else.
  std::string fingerprint() const;
  /// Equal for requests that may join each other: tenant, device, operation and matching parameters.
  std::string match_key() const;

  const defender::Operation *operation = nullptr;
  std::shared_ptr<Tenant> tenant;
  MachineId machine;   ///< empty for an operation on an action
  ActionId action_id;  ///< of cancel_action
  Json request;        ///< the operation's members, without options
  Options options;
};

/// See Intent::match_key().
std::string match_key(const std::string &tenant, const defender::Operation &operation, const MachineId &machine,
                      const ActionId &action_id, const Json &request);

/// How every mark begins.
constexpr std::string_view kMarkerStart = "[cordon:";
/// The mark at the end of a comment by which a request is found again at the service: "[cordon:6a1f2c3d0b4e]".
std::string comment_marker(const RequestId &id);

}  // namespace cordon::response

// Made by generate.py; change what it reads, not this file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "json.hpp"

namespace cordon {

/// The words of Action::state. A newer library may say others.
namespace state {
inline constexpr std::string_view queued = "queued";
inline constexpr std::string_view sending = "sending";
inline constexpr std::string_view pending = "pending";
inline constexpr std::string_view in_progress = "in_progress";
inline constexpr std::string_view succeeded = "succeeded";
inline constexpr std::string_view failed = "failed";
inline constexpr std::string_view timed_out = "timed_out";
inline constexpr std::string_view cancelled = "cancelled";
inline constexpr std::string_view rejected = "rejected";
inline constexpr std::string_view expired = "expired";
inline constexpr std::string_view withdrawn = "withdrawn";
inline constexpr std::string_view unknown = "unknown";
}  // namespace state

/// Where an action stands. Times are RFC 3339, UTC.
struct Action {
  /// Null for an action Cordon did not ask for.
  std::optional<std::string> request_id;
  /// The service's id; null before it is known.
  std::optional<std::string> action_id;
  /// Name in the config.
  std::string tenant;
  std::optional<std::string> tenant_id;
  /// Null for an action of a type that no operation starts.
  std::optional<std::string> operation;
  std::optional<std::string> machine_id;
  /// The request's members that tell actions of one kind apart.
  json::Value parameters;
  /// Null in a dry run, which makes no request.
  std::optional<std::string> state;
  /// The service's own word.
  std::optional<std::string> status;
  /// True when the action existed before this request and does what it asked for.
  bool adopted = false;
  std::optional<std::string> requestor;
  std::optional<std::string> comment;
  std::optional<std::string> external_id;
  std::optional<std::string> computer_name;
  std::map<std::string, std::string> labels;
  std::optional<std::string> actor;
  /// Time of the service, RFC 3339 UTC.
  std::optional<std::string> created_at;
  /// Time of the service, RFC 3339 UTC.
  std::optional<std::string> updated_at;
  /// When Cordon last saw it, by the host's clock.
  std::optional<std::string> observed_at;
  /// After this time the request is not sent any more.
  std::optional<std::string> expires_at;
  /// What the device reported; 0 for no error.
  std::optional<std::int64_t> error_hresult;
  std::optional<std::string> error_text;
  std::optional<std::string> service_host;
  /// The operation that reverses this one.
  std::optional<std::string> undo;
  /// What a person has to do where no operation does.
  std::optional<std::string> undo_remark;
};

inline Action read_action(const json::Value &document) {
  Action made;
  json::read(document, "request_id", made.request_id);
  json::read(document, "action_id", made.action_id);
  json::read(document, "tenant", made.tenant);
  json::read(document, "tenant_id", made.tenant_id);
  json::read(document, "operation", made.operation);
  json::read(document, "machine_id", made.machine_id);
  json::read(document, "parameters", made.parameters);
  json::read(document, "state", made.state);
  json::read(document, "status", made.status);
  json::read(document, "adopted", made.adopted);
  json::read(document, "requestor", made.requestor);
  json::read(document, "comment", made.comment);
  json::read(document, "external_id", made.external_id);
  json::read(document, "computer_name", made.computer_name);
  json::read(document, "labels", made.labels);
  json::read(document, "actor", made.actor);
  json::read(document, "created_at", made.created_at);
  json::read(document, "updated_at", made.updated_at);
  json::read(document, "observed_at", made.observed_at);
  json::read(document, "expires_at", made.expires_at);
  json::read(document, "error_hresult", made.error_hresult);
  json::read(document, "error_text", made.error_text);
  json::read(document, "service_host", made.service_host);
  json::read(document, "undo", made.undo);
  json::read(document, "undo_remark", made.undo_remark);
  return made;
}
inline void read_value(const json::Value &value, Action &out) {
  out = read_action(value);
}

inline json::Value to_json(const Action &made) {
  json::Value document = json::Value::object();
  json::write(document, "request_id", made.request_id);
  json::write(document, "action_id", made.action_id);
  json::write(document, "tenant", made.tenant);
  json::write(document, "tenant_id", made.tenant_id);
  json::write(document, "operation", made.operation);
  json::write(document, "machine_id", made.machine_id);
  json::write(document, "parameters", made.parameters);
  json::write(document, "state", made.state);
  json::write(document, "status", made.status);
  json::write(document, "adopted", made.adopted);
  json::write(document, "requestor", made.requestor);
  json::write(document, "comment", made.comment);
  json::write(document, "external_id", made.external_id);
  json::write(document, "computer_name", made.computer_name);
  json::write(document, "labels", made.labels);
  json::write(document, "actor", made.actor);
  json::write(document, "created_at", made.created_at);
  json::write(document, "updated_at", made.updated_at);
  json::write(document, "observed_at", made.observed_at);
  json::write(document, "expires_at", made.expires_at);
  json::write(document, "error_hresult", made.error_hresult);
  json::write(document, "error_text", made.error_text);
  json::write(document, "service_host", made.service_host);
  json::write(document, "undo", made.undo);
  json::write(document, "undo_remark", made.undo_remark);
  return document;
}

/// One record of the journal.
struct Event {
  /// Give it back as `after` to go on behind this event.
  std::int64_t cursor = 0;
  /// What happened, for example state_changed.
  std::string kind;
  /// When it was recorded, RFC 3339 UTC.
  std::string at;
  std::optional<std::string> request_id;
  std::optional<std::string> action_id;
  std::optional<std::string> tenant;
  std::optional<std::string> operation;
  std::optional<std::string> machine_id;
  std::optional<std::string> state;
  std::optional<std::string> previous_state;
  std::optional<std::string> actor;
  std::map<std::string, std::string> labels;
  std::optional<std::string> message;
  /// In the form of cordon_error_json.
  json::Value error;
  /// The action document after the event.
  std::optional<Action> action;
  json::Value details;
};

inline Event read_event(const json::Value &document) {
  Event made;
  json::read(document, "cursor", made.cursor);
  json::read(document, "kind", made.kind);
  json::read(document, "at", made.at);
  json::read(document, "request_id", made.request_id);
  json::read(document, "action_id", made.action_id);
  json::read(document, "tenant", made.tenant);
  json::read(document, "operation", made.operation);
  json::read(document, "machine_id", made.machine_id);
  json::read(document, "state", made.state);
  json::read(document, "previous_state", made.previous_state);
  json::read(document, "actor", made.actor);
  json::read(document, "labels", made.labels);
  json::read(document, "message", made.message);
  json::read(document, "error", made.error);
  json::read(document, "action", made.action);
  json::read(document, "details", made.details);
  return made;
}
inline void read_value(const json::Value &value, Event &out) {
  out = read_event(value);
}

inline json::Value to_json(const Event &made) {
  json::Value document = json::Value::object();
  json::write(document, "cursor", made.cursor);
  json::write(document, "kind", made.kind);
  json::write(document, "at", made.at);
  json::write(document, "request_id", made.request_id);
  json::write(document, "action_id", made.action_id);
  json::write(document, "tenant", made.tenant);
  json::write(document, "operation", made.operation);
  json::write(document, "machine_id", made.machine_id);
  json::write(document, "state", made.state);
  json::write(document, "previous_state", made.previous_state);
  json::write(document, "actor", made.actor);
  json::write(document, "labels", made.labels);
  json::write(document, "message", made.message);
  json::write(document, "error", made.error);
  json::write(document, "action", made.action);
  json::write(document, "details", made.details);
  return document;
}

/// Options of a call; what is not set is not said.
struct Options {
  /// Name of the tenant in the config. Default: default_tenant, or the only one.
  std::optional<std::string> tenant;
  /// A UUID made by the host, by which the request can be found again. Default: made by Cordon.
  std::optional<std::string> request_id;
  /// The same key with the same request returns the recorded one; with another request it is an error.
  std::optional<std::string> idempotency_key;
  /// By this name cordon_interrupt finds the waiting call.
  std::optional<std::string> call_id;
  /// Return when the service holds the action, or when it has ended.
  std::optional<std::string> until;
  std::optional<std::string> priority;
  /// After this time nothing is sent any more. Default: the call's deadline; for submit 15 minutes.
  std::optional<std::int64_t> valid_for_ms;
  /// What the host wants to find the request by: case, run …
  std::map<std::string, std::string> labels;
  /// The person or playbook on whose behalf this happens, for the journal.
  std::optional<std::string> actor;
  /// Check everything and send nothing.
  std::optional<bool> dry_run;
  /// Do not join an equal request that has not ended.
  std::optional<bool> force_new;
  /// For reads and poll: how old what the ledger knows may be before the service is asked.
  std::optional<std::int64_t> max_age_ms;
};

inline Options read_options(const json::Value &document) {
  Options made;
  json::read(document, "tenant", made.tenant);
  json::read(document, "request_id", made.request_id);
  json::read(document, "idempotency_key", made.idempotency_key);
  json::read(document, "call_id", made.call_id);
  json::read(document, "until", made.until);
  json::read(document, "priority", made.priority);
  json::read(document, "valid_for_ms", made.valid_for_ms);
  json::read(document, "labels", made.labels);
  json::read(document, "actor", made.actor);
  json::read(document, "dry_run", made.dry_run);
  json::read(document, "force_new", made.force_new);
  json::read(document, "max_age_ms", made.max_age_ms);
  return made;
}
inline void read_value(const json::Value &value, Options &out) {
  out = read_options(value);
}

inline json::Value to_json(const Options &made) {
  json::Value document = json::Value::object();
  json::write_if_set(document, "tenant", made.tenant);
  json::write_if_set(document, "request_id", made.request_id);
  json::write_if_set(document, "idempotency_key", made.idempotency_key);
  json::write_if_set(document, "call_id", made.call_id);
  json::write_if_set(document, "until", made.until);
  json::write_if_set(document, "priority", made.priority);
  json::write_if_set(document, "valid_for_ms", made.valid_for_ms);
  json::write_if_set(document, "labels", made.labels);
  json::write_if_set(document, "actor", made.actor);
  json::write_if_set(document, "dry_run", made.dry_run);
  json::write_if_set(document, "force_new", made.force_new);
  json::write_if_set(document, "max_age_ms", made.max_age_ms);
  return document;
}

}  // namespace cordon

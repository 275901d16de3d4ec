// Made by generate.py; change what it reads, not this file.
#pragma once

#include <cordon.h>

#include <cstdint>

namespace cordon {

/// What a call returned: 0 is success, above 0 a condition, below 0 an error.
enum class Status : std::int32_t {
  ok = CORDON_OK,
  pending = CORDON_PENDING,
  action_failed = CORDON_ACTION_FAILED,
  action_timed_out = CORDON_ACTION_TIMED_OUT,
  action_cancelled = CORDON_ACTION_CANCELLED,
  action_rejected = CORDON_ACTION_REJECTED,
  not_sent = CORDON_NOT_SENT,
  no_event = CORDON_NO_EVENT,
  dry_run = CORDON_DRY_RUN,
  e_internal = CORDON_E_INTERNAL,
  e_invalid_argument = CORDON_E_INVALID_ARGUMENT,
  e_invalid_state = CORDON_E_INVALID_STATE,
  e_unsupported_abi = CORDON_E_UNSUPPORTED_ABI,
  e_not_supported = CORDON_E_NOT_SUPPORTED,
  e_out_of_memory = CORDON_E_OUT_OF_MEMORY,
  e_invalid_handle = CORDON_E_INVALID_HANDLE,
  e_shutting_down = CORDON_E_SHUTTING_DOWN,
  e_forked = CORDON_E_FORKED,
  e_interrupted = CORDON_E_INTERRUPTED,
  e_deadline = CORDON_E_DEADLINE,
  e_outcome_unknown = CORDON_E_OUTCOME_UNKNOWN,
  e_network = CORDON_E_NETWORK,
  e_tls = CORDON_E_TLS,
  e_unauthenticated = CORDON_E_UNAUTHENTICATED,
  e_permission_denied = CORDON_E_PERMISSION_DENIED,
  e_not_found = CORDON_E_NOT_FOUND,
  e_device_not_supported = CORDON_E_DEVICE_NOT_SUPPORTED,
  e_key_reused = CORDON_E_KEY_REUSED,
  e_action_in_progress = CORDON_E_ACTION_IN_PROGRESS,
  e_refused_by_policy = CORDON_E_REFUSED_BY_POLICY,
  e_halted = CORDON_E_HALTED,
  e_rate_limited = CORDON_E_RATE_LIMITED,
  e_service = CORDON_E_SERVICE,
  e_invalid_response = CORDON_E_INVALID_RESPONSE,
  e_vault_locked = CORDON_E_VAULT_LOCKED,
  e_vault_corrupt = CORDON_E_VAULT_CORRUPT,
  e_vault_wrong_key = CORDON_E_VAULT_WRONG_KEY,
  e_vault_permissions = CORDON_E_VAULT_PERMISSIONS,
  e_ledger = CORDON_E_LEDGER,
};

/// Every status with the name of its constant.
struct StatusName {
  Status status;
  const char *name;
};
inline constexpr StatusName kStatusNames[] = {
    {Status::ok, "CORDON_OK"},
    {Status::pending, "CORDON_PENDING"},
    {Status::action_failed, "CORDON_ACTION_FAILED"},
    {Status::action_timed_out, "CORDON_ACTION_TIMED_OUT"},
    {Status::action_cancelled, "CORDON_ACTION_CANCELLED"},
    {Status::action_rejected, "CORDON_ACTION_REJECTED"},
    {Status::not_sent, "CORDON_NOT_SENT"},
    {Status::no_event, "CORDON_NO_EVENT"},
    {Status::dry_run, "CORDON_DRY_RUN"},
    {Status::e_internal, "CORDON_E_INTERNAL"},
    {Status::e_invalid_argument, "CORDON_E_INVALID_ARGUMENT"},
    {Status::e_invalid_state, "CORDON_E_INVALID_STATE"},
    {Status::e_unsupported_abi, "CORDON_E_UNSUPPORTED_ABI"},
    {Status::e_not_supported, "CORDON_E_NOT_SUPPORTED"},
    {Status::e_out_of_memory, "CORDON_E_OUT_OF_MEMORY"},
    {Status::e_invalid_handle, "CORDON_E_INVALID_HANDLE"},
    {Status::e_shutting_down, "CORDON_E_SHUTTING_DOWN"},
    {Status::e_forked, "CORDON_E_FORKED"},
    {Status::e_interrupted, "CORDON_E_INTERRUPTED"},
    {Status::e_deadline, "CORDON_E_DEADLINE"},
    {Status::e_outcome_unknown, "CORDON_E_OUTCOME_UNKNOWN"},
    {Status::e_network, "CORDON_E_NETWORK"},
    {Status::e_tls, "CORDON_E_TLS"},
    {Status::e_unauthenticated, "CORDON_E_UNAUTHENTICATED"},
    {Status::e_permission_denied, "CORDON_E_PERMISSION_DENIED"},
    {Status::e_not_found, "CORDON_E_NOT_FOUND"},
    {Status::e_device_not_supported, "CORDON_E_DEVICE_NOT_SUPPORTED"},
    {Status::e_key_reused, "CORDON_E_KEY_REUSED"},
    {Status::e_action_in_progress, "CORDON_E_ACTION_IN_PROGRESS"},
    {Status::e_refused_by_policy, "CORDON_E_REFUSED_BY_POLICY"},
    {Status::e_halted, "CORDON_E_HALTED"},
    {Status::e_rate_limited, "CORDON_E_RATE_LIMITED"},
    {Status::e_service, "CORDON_E_SERVICE"},
    {Status::e_invalid_response, "CORDON_E_INVALID_RESPONSE"},
    {Status::e_vault_locked, "CORDON_E_VAULT_LOCKED"},
    {Status::e_vault_corrupt, "CORDON_E_VAULT_CORRUPT"},
    {Status::e_vault_wrong_key, "CORDON_E_VAULT_WRONG_KEY"},
    {Status::e_vault_permissions, "CORDON_E_VAULT_PERMISSIONS"},
    {Status::e_ledger, "CORDON_E_LEDGER"},
};

}  // namespace cordon

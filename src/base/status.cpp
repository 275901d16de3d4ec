#include "base/status.hpp"

namespace cordon {
namespace {

struct Name {
  Status status;
  const char *text;
};

constexpr Name kNames[] = {
    {Status::Ok, "CORDON_OK"},
    {Status::Pending, "CORDON_PENDING"},
    {Status::ActionFailed, "CORDON_ACTION_FAILED"},
    {Status::ActionTimedOut, "CORDON_ACTION_TIMED_OUT"},
    {Status::ActionCancelled, "CORDON_ACTION_CANCELLED"},
    {Status::ActionRejected, "CORDON_ACTION_REJECTED"},
    {Status::NotSent, "CORDON_NOT_SENT"},
    {Status::NoEvent, "CORDON_NO_EVENT"},
    {Status::DryRun, "CORDON_DRY_RUN"},
    {Status::Internal, "CORDON_E_INTERNAL"},
    {Status::InvalidArgument, "CORDON_E_INVALID_ARGUMENT"},
    {Status::InvalidState, "CORDON_E_INVALID_STATE"},
    {Status::UnsupportedAbi, "CORDON_E_UNSUPPORTED_ABI"},
    {Status::NotSupported, "CORDON_E_NOT_SUPPORTED"},
    {Status::OutOfMemory, "CORDON_E_OUT_OF_MEMORY"},
    {Status::InvalidHandle, "CORDON_E_INVALID_HANDLE"},
    {Status::ShuttingDown, "CORDON_E_SHUTTING_DOWN"},
    {Status::Forked, "CORDON_E_FORKED"},
    {Status::Interrupted, "CORDON_E_INTERRUPTED"},
    {Status::Deadline, "CORDON_E_DEADLINE"},
    {Status::OutcomeUnknown, "CORDON_E_OUTCOME_UNKNOWN"},
    {Status::Network, "CORDON_E_NETWORK"},
    {Status::Tls, "CORDON_E_TLS"},
    {Status::Unauthenticated, "CORDON_E_UNAUTHENTICATED"},
    {Status::PermissionDenied, "CORDON_E_PERMISSION_DENIED"},
    {Status::NotFound, "CORDON_E_NOT_FOUND"},
    {Status::DeviceNotSupported, "CORDON_E_DEVICE_NOT_SUPPORTED"},
    {Status::KeyReused, "CORDON_E_KEY_REUSED"},
    {Status::ActionInProgress, "CORDON_E_ACTION_IN_PROGRESS"},
    {Status::RefusedByPolicy, "CORDON_E_REFUSED_BY_POLICY"},
    {Status::Halted, "CORDON_E_HALTED"},
    {Status::RateLimited, "CORDON_E_RATE_LIMITED"},
    {Status::Service, "CORDON_E_SERVICE"},
    {Status::InvalidResponse, "CORDON_E_INVALID_RESPONSE"},
    {Status::VaultLocked, "CORDON_E_VAULT_LOCKED"},
    {Status::VaultCorrupt, "CORDON_E_VAULT_CORRUPT"},
    {Status::VaultWrongKey, "CORDON_E_VAULT_WRONG_KEY"},
    {Status::VaultPermissions, "CORDON_E_VAULT_PERMISSIONS"},
    {Status::Ledger, "CORDON_E_LEDGER"},
};

}  // namespace

const char *status_name(std::int32_t status) noexcept {
  for (const Name &name : kNames)
    if (static_cast<std::int32_t>(name.status) == status) return name.text;
  return "CORDON_UNKNOWN";
}

}  // namespace cordon

#pragma once

#include <cstdint>
#include <string_view>

namespace cordon {

/// The status words of the C ABI (abi/cordon.h). 0 is success, positive values are conditions, negative ones are
/// errors. The numbers never change; boundary/ asserts that they equal the header's.
enum class Status : std::int32_t {
  Ok = 0,
  Pending = 1,
  ActionFailed = 2,
  ActionTimedOut = 3,
  ActionCancelled = 4,
  ActionRejected = 5,
  NotSent = 6,
  NoEvent = 7,
  DryRun = 8,
  Internal = -1,
  InvalidArgument = -2,
  InvalidState = -3,
  UnsupportedAbi = -4,
  NotSupported = -5,
  OutOfMemory = -6,
  InvalidHandle = -7,
  ShuttingDown = -8,
  Forked = -9,
  Interrupted = -10,
  Deadline = -11,
  OutcomeUnknown = -12,
  Network = -13,
  Tls = -14,
  Unauthenticated = -15,
  PermissionDenied = -16,
  NotFound = -17,
  DeviceNotSupported = -18,
  KeyReused = -19,
  ActionInProgress = -20,
  RefusedByPolicy = -21,
  Halted = -22,
  RateLimited = -23,
  Service = -24,
  InvalidResponse = -25,
  VaultLocked = -26,
  VaultCorrupt = -27,
  VaultWrongKey = -28,
  VaultPermissions = -29,
  Ledger = -30,
};

/// The constant's own name, e.g. "CORDON_E_DEADLINE"; "CORDON_UNKNOWN" for a number that is none of ours. Static.
const char *status_name(std::int32_t status) noexcept;

inline const char *status_name(Status status) noexcept {
  return status_name(static_cast<std::int32_t>(status));
}

inline bool is_error(Status status) noexcept {
  return static_cast<std::int32_t>(status) < 0;
}

}  // namespace cordon

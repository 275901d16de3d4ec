#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "emulator/machine.hpp"

namespace cordon::emulator {

/// What the service does when the same action is still open on the device (mde-api §4.3).
enum class DuplicateMode { ReturnExisting, Reject, NewStuck, Random };

/// The oldest systems an action runs on (mde-api §4.1). A build of 0: not on that system at all.
struct SystemRequirement {
  std::int64_t client_build;  ///< of Windows 10 and 11
  std::int64_t server_build;  ///< of Windows Server
  bool other_systems;         ///< Linux and macOS

  enum class Verdict { Supported, WrongPlatform, TooOld };
  Verdict check(const Machine &machine) const;
};

/// A property of the request's body beside Comment.
struct ActionParameter {
  std::string_view name;  ///< empty: none
  bool required = false;
  std::span<const std::string_view> values{};  ///< empty: a SHA-1
};

/// One of the actions that `POST /api/machines/{id}/<verb>` starts (mde-api §4).
struct ActionKind {
  std::string_view verb;
  std::string_view type;
  std::string_view permission;
  bool also_needs_read;  ///< Machine.Read.All or Machine.ReadWrite.All besides (mde-api §12, 6)
  int success_status;
  SystemRequirement requirement;
  ActionParameter parameter;
  DuplicateMode duplicates;  ///< unless the scenario says otherwise
};

std::span<const ActionKind> action_kinds();
/// nullptr for a type that can't be started here.
const ActionKind *find_action_kind(std::string_view type);

}  // namespace cordon::emulator

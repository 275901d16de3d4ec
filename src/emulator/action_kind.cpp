#include "emulator/action_kind.hpp"

#include <algorithm>
#include <array>

namespace cordon::emulator {
namespace {

constexpr std::int64_t kWindows10Build1703 = 15063, kWindows10Build1709 = 16299;
constexpr std::int64_t kServer2012R2 = 9600, kServer2019 = 17763;

constexpr std::array<std::string_view, 3> kIsolationTypes = {"Full", "Selective", "UnManagedDevice"};
constexpr std::array<std::string_view, 2> kScanTypes = {"Quick", "Full"};

// Where the documents say that a duplicate gives the open action or an error, the table has the first; where only an
// error is on record, that (mde-api §4.3).
constexpr std::array<ActionKind, 8> kKinds = {{
    {"isolate",
     "Isolate",
     "Machine.Isolate",
     false,
     201,
     {kWindows10Build1703, kServer2012R2, true},
     {"IsolationType", false, kIsolationTypes},
     DuplicateMode::Reject},
    {"unisolate",
     "Unisolate",
     "Machine.Isolate",
     false,
     201,
     {kWindows10Build1703, kServer2012R2, true},
     {},
     DuplicateMode::ReturnExisting},
    {"restrictCodeExecution",
     "RestrictCodeExecution",
     "Machine.RestrictExecution",
     false,
     201,
     {kWindows10Build1709, kServer2019, false},
     {},
     DuplicateMode::ReturnExisting},
    {"unrestrictCodeExecution",
     "UnrestrictCodeExecution",
     "Machine.RestrictExecution",
     false,
     201,
     {kWindows10Build1709, kServer2019, false},
     {},
     DuplicateMode::ReturnExisting},
    {"runAntiVirusScan",
     "RunAntiVirusScan",
     "Machine.Scan",
     false,
     201,
     {kWindows10Build1709, kServer2012R2, true},
     {"ScanType", true, kScanTypes},
     DuplicateMode::ReturnExisting},
    {"StopAndQuarantineFile",
     "StopAndQuarantineFile",
     "Machine.StopAndQuarantine",
     true,
     201,
     {kWindows10Build1703, kServer2012R2, false},
     {"Sha1", true},
     DuplicateMode::Reject},
    {"collectInvestigationPackage",
     "CollectInvestigationPackage",
     "Machine.CollectForensics",
     false,
     201,
     {kWindows10Build1703, kServer2012R2, true},
     {},
     DuplicateMode::Reject},
    {"offboard",
     "Offboard",
     "Machine.Offboard",
     false,
     200,
     {kWindows10Build1703, kServer2012R2, false},
     {},
     DuplicateMode::Reject},
}};

}  // namespace

SystemRequirement::Verdict SystemRequirement::check(const Machine &machine) const {
  if (!machine.is_windows()) return other_systems ? Verdict::Supported : Verdict::WrongPlatform;
  const std::int64_t least = machine.is_windows_server() ? server_build : client_build;
  if (least == 0) return Verdict::WrongPlatform;
  return machine.os_build < least ? Verdict::TooOld : Verdict::Supported;
}

std::span<const ActionKind> action_kinds() {
  return kKinds;
}

const ActionKind *find_action_kind(std::string_view type) {
  const auto *found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const ActionKind &kind) { return kind.type == type; });
  return found == kKinds.end() ? nullptr : found;
}

}  // namespace cordon::emulator

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "emulator/device_codes.hpp"
#include "emulator/directory.hpp"
#include "emulator/fault_plan.hpp"
#include "emulator/file_record.hpp"
#include "emulator/knobs.hpp"
#include "emulator/machine.hpp"
#include "emulator/quota.hpp"

namespace cordon::emulator {

/// A described machine beside the made-up fleet: what differs from an ordinary Windows 11 client.
struct MachineEntry {
  std::string tenant_id;
  std::string name;
  Json described;  ///< the scenario's object, checked against the schema

  /// `machine` comes as a fresh client.
  void describe(Machine &machine) const;
};

/// Everything that can be told to the service model.
struct Scenario {
  /// One tenant, one application that may do everything. The same for the same seed.
  static Scenario usual(std::uint64_t seed);
  /// Reads a scenario file's document; what it does not say is as in usual(). Errors: INVALID_ARGUMENT with the
  /// pointer.
  static Result<Scenario> read(const Json &json, std::uint64_t seed);

  Directory directory{};
  std::vector<MachineEntry> machines{};
  std::vector<FileRecord> files{};  ///< known in every tenant
  Timings timings{};
  DeviceCodes::Settings device_codes{};
  Knobs knobs{};
  QuotaTable quota{};
  std::vector<Fault> faults{};
};

/// The published schema of scenario files.
std::string_view scenario_schema_text();

}  // namespace cordon::emulator

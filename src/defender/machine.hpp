#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"

namespace cordon::defender {

/// A device as the service lists it (mde-api §8), the fields that guard rails and people look at. Absent texts are
/// empty; `id` is lower case.
struct Machine {
  Machine() = default;

  bool is_server() const;   ///< osPlatform begins with "WindowsServer", or is a Linux server's; no field says so
  bool is_windows() const;  ///< false for an unknown platform too

  std::string id;
  std::string merged_into;  ///< non-empty: this record is stale, follow it
  bool potential_duplicate = false;
  bool excluded = false;
  std::string computer_dns_name;  ///< not unique; compare ignoring case
  UtcTicks first_seen;
  UtcTicks last_seen;  ///< last full report, about daily
  std::string os_platform;
  std::string os_version;     ///< `version`, e.g. "21H2": texts do not order
  std::int64_t os_build = 0;  ///< 0: not known
  std::string agent_version;
  std::string health_status;
  std::string onboarding_status;
  std::int64_t rbac_group_id = 0;  ///< 0: ungrouped
  std::string rbac_group_name;
  std::string device_value;  ///< Normal, Low, High
  std::string risk_score;
  std::string exposure_level;
  std::vector<std::string> tags;
  std::string aad_device_id;
  std::string managed_by;
  std::string last_ip;
  std::string last_external_ip;
};

/// Tolerant: needs an object with a non-empty `id`. Error: INVALID_RESPONSE.
Result<Machine> parse_machine(const Json &entity);

struct MachinePage {
  MachinePage() = default;
  std::vector<Machine> machines;
  std::string next_link;
};

Result<MachinePage> parse_machine_list(const Json &envelope);

/// The document hosts get (snake_case, RFC 3339 times, null for what is not known).
Json to_json(const Machine &machine);

}  // namespace cordon::defender

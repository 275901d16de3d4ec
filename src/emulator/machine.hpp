#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/utc.hpp"
#include "emulator/odata_value.hpp"

namespace cordon::emulator {

/// How a device answers to actions. Offline: never. Fails: with an error. Slow: much later.
enum class Behaviour { Online, Offline, Fails, Slow };

/// A device as the service knows it (mde-api §8), and how it behaves.
struct Machine {
  bool is_windows() const { return os_platform.starts_with("Windows"); }
  bool is_windows_server() const { return os_platform.starts_with("WindowsServer"); }
  bool knows(const std::string &sha1) const { return !known_files || known_files->contains(sha1); }

  std::string id;  ///< 40 hex digits
  std::string name;
  std::string os_platform = "Windows11";
  std::string version = "23H2";
  std::int64_t os_build = 22631;
  std::string health = "Active";
  std::string onboarding = "Onboarded";
  std::string device_value = "Normal";
  std::string risk_score = "None";
  std::string exposure_level = "Low";
  std::string ip;
  std::string group_name = "Workstations";
  std::int64_t group_id = 75;
  std::vector<std::string> tags{};
  std::string merged_into{};  ///< empty: the record is current
  std::string aad_device_id;
  UtcTicks first_seen, last_seen;
  Behaviour behaviour = Behaviour::Online;
  /// SHA-1s seen on the device; nothing: all files of the tenant.
  std::optional<std::set<std::string>> known_files{};
};

const ODataType<Machine> &machine_type();

/// The entity without its @odata.context.
Json to_json(const Machine &machine);

/// "online", "offline", "fails", "slow"; nullopt for anything else.
std::optional<Behaviour> parse_behaviour(std::string_view text);

}  // namespace cordon::emulator

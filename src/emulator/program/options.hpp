#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "emulator/quota.hpp"

namespace cordon::emulator {

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;

  bool is_loopback() const;
  /// Every address of the machine.
  bool is_any() const { return host == "0.0.0.0" || host == "::"; }
  /// For a URL; what listens everywhere is reached by the loopback address.
  std::string url_host() const;
};

/// Reads "127.0.0.1:0" or "[::1]:8443".
Result<ListenAddress> parse_address(const std::string &text);

/// The command line.
struct Options {
  ListenAddress listen{"127.0.0.1", 0};
  std::optional<ListenAddress> control{}, identity{};
  std::string tls_dir{}, tls_name{}, ready_file{}, scenario_file{}, credential_dir{};
  std::size_t machines = 20;
  std::uint64_t seed = 1;
  int speed = 1;
  std::optional<QuotaLimits> quota{};
  bool print_scenario_schema = false;
};

/// Either the options, or the exit code after help or a complaint has been printed.
tl::expected<Options, int> parse_options(int argc, char **argv);

}  // namespace cordon::emulator

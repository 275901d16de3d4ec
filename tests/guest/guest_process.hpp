#pragma once

#include <string>
#include <vector>

#include "e2e/host.hpp"

namespace cordon::test {

/// How a host's process ended.
struct Ended {
  int exit_status = -1;  ///< -1: by a signal
  int signal = 0;
  std::string said;  ///< what it wrote on both outputs
};

/// An emulator, and a host in a process of its own (guest_host) that runs one scenario against it.
class GuestTest : public EmulatorTest {
 protected:
  explicit GuestTest(std::vector<std::string> args = {"--speed", "60", "--machines", "40"});

  /// Runs the scenario until its process ends. `environment` is added to this process' own ("NAME=value"); with
  /// `program` in front, that runs the host.
  Ended run(const std::string &scenario, const std::vector<std::string> &arguments = {},
            const std::vector<std::string> &environment = {}, const std::vector<std::string> &program = {});
  /// Runs it and expects that it breaks no promise.
  void expect_good(const std::string &scenario, const std::vector<std::string> &arguments = {},
                   const std::vector<std::string> &environment = {}, const std::vector<std::string> &program = {});
  /// The file that tells a host where it is; written anew, with a fresh state_dir.
  std::string write_world();
  /// No device was acted on twice by the service.
  void expect_nothing_twice();

  std::string host_program = GUEST_HOST_BINARY;
  std::string library = CORDON_LIBRARY;

 private:
  int worlds_ = 0;
};

}  // namespace cordon::test

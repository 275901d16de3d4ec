#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace cordon::test {

/// The real `cordon-emulator`, started in a temporary directory of its own and ended with this object. Every problem is
/// thrown as std::runtime_error with what the process wrote to stderr. Use it from the thread that made it: the kernel
/// ends the emulator with that thread.
class EmulatorProcess {
 public:
  /// `args` come behind `--ready-file <directory>/ready.json`; without `--listen` it takes a free port of 127.0.0.1.
  /// Returns when the emulator serves.
  explicit EmulatorProcess(std::vector<std::string> args = {});
  ~EmulatorProcess();
  EmulatorProcess(const EmulatorProcess &) = delete;
  EmulatorProcess &operator=(const EmulatorProcess &) = delete;

  /// The ready file's document.
  const Json &ready() const { return ready_; }
  /// Origin of API and login, without a slash at the end.
  std::string url() const { return ready_.at("url"); }
  std::string ca_file() const { return ready_.at("ca_file"); }
  /// Holds ready.json, the certificates, vault.key and the state directory of ready()["config"]; removed at the end.
  const std::filesystem::path &directory() const { return directory_; }
  pid_t pid() const { return pid_; }

  /// Requests to the control plane; the answer's document, null for an empty body. An error status is thrown.
  Json control_get(const std::string &path);
  Json control_post(const std::string &path, const Json &body);
  Json control_delete(const std::string &path);

  Json counters() { return control_get("/emulator/counters"); }
  Json actions() { return control_get("/emulator/actions"); }
  void arm_fault(const Json &fault) { control_post("/emulator/faults", fault); }
  void clear_faults() { control_delete("/emulator/faults"); }
  void advance(int seconds) { control_post("/emulator/advance", Json{{"seconds", seconds}}); }

  /// How many POSTs reached the API so far, dropped and faulted ones included, token requests not.
  long posts() { return post_count("/api/"); }
  /// The same for endpoints whose name contains `part`, e.g. "restrictCodeExecution" or "oauth2".
  long post_count(std::string_view part);

 private:
  Json control(const char *method, const std::string &path, const std::string &body);
  void wait_until_ready(int stdout_fd);
  std::string complaint() const;
  void stop() noexcept;

  std::filesystem::path directory_;
  pid_t pid_ = -1;
  Json ready_;
};

}  // namespace cordon::test

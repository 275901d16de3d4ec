#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon {

/// A program of the operator's that prints a secret: started by its absolute path without a shell, in `/`, with an
/// empty environment, no open file of this process, no input, its messages dropped, all signals as after an exec; its
/// output is collected in guarded memory. It runs in a session of its own and is killed with it when this object goes.
///
/// The host gets a SIGCHLD at its end, as for any child. A host that ignores SIGCHLD, or reaps every child it sees,
/// takes the exit code away; then the output alone counts, so whoever starts one accepts only what is whole.
class HelperProcess {
 public:
  /// What it prints beyond is dropped.
  static constexpr std::size_t kMaxOutput = 64 * 1024;

  /// Errors: INVALID_ARGUMENT when argv[0] is no absolute path; INVALID_STATE when it can't be started. Messages name
  /// the program, never an argument or what it printed.
  static Result<HelperProcess> start(const std::vector<std::string> &argv);
  /// Starts it and waits for its end, at most `limit`. [blocking]
  static Result<Secret> run(const std::vector<std::string> &argv, std::chrono::milliseconds limit);

  ~HelperProcess();
  HelperProcess(HelperProcess &&other) noexcept;
  HelperProcess &operator=(HelperProcess &&) = delete;

  /// Reads what there is, without waiting. True: it has ended well. INVALID_STATE when it ended with another exit code
  /// than 0 or by a signal.
  Result<bool> advance();
  /// What it printed, as it is.
  Secret take_output();
  /// The error for one that was given up.
  Error timed_out(std::chrono::milliseconds limit) const;

 private:
  explicit HelperProcess(std::string program);
  Result<bool> reap();
  void read_output();
  void kill_session() noexcept;
  Error failed(const std::string &why) const;

  std::string program_;
  pid_t pid_ = -1;
  Descriptor process_;     ///< a pidfd: the number alone may belong to somebody else once the host has reaped it
  Descriptor output_end_;  ///< none at the end of the output
  bool reaped_ = true;     ///< or not started
  Secret output_;
};

}  // namespace cordon

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/json.hpp"

namespace cordon::test {

/// A host in a process of its own (tests/worker/worker.c), driven through pipes. Killed with this object, unless it has
/// ended before. What goes wrong with the process itself is thrown as std::runtime_error. One thread at a time.
class WorkerProcess {
 public:
  struct Reply {
    std::string status;  ///< "CORDON_OK", …
    std::string text;
    Json document;  ///< of `text`; discarded when it is none
  };

  /// Starts it with this config, whose file is written into `directory`, and waits until its client is open.
  WorkerProcess(const Json &config, const std::filesystem::path &directory);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess &) = delete;
  WorkerProcess &operator=(const WorkerProcess &) = delete;

  /// How its client was opened.
  const Reply &opened() const { return opened_; }
  Reply ask(const std::string &line);
  /// Sends the line without waiting for what it answers.
  void tell(const std::string &line);
  /// The next answer. At the process' end: an empty status.
  Reply hear();

  /// kill -9; returns when it is dead.
  void kill();
  /// Closes its stdin, waits for its end and yields its exit status; -1 when a signal ended it.
  int finish();
  pid_t pid() const { return pid_; }

 private:
  int wait_for_end();

  std::filesystem::path config_file_;
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  std::string heard_;
  Reply opened_;
};

}  // namespace cordon::test

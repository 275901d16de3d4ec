#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace cordon::test {

/// A port of 127.0.0.1 at which nobody listened a moment ago.
int free_port();
/// Somebody listens at this port of 127.0.0.1.
bool answers(int port);

/// A server from a package as a child of the test, with a directory of its own; both end with this object.
class ServerProcess {
 public:
  explicit ServerProcess(const std::string &name);
  ~ServerProcess();
  ServerProcess(const ServerProcess &) = delete;
  ServerProcess &operator=(const ServerProcess &) = delete;

  const std::string &directory() const { return directory_; }
  /// Writes a file of its directory; returns its path.
  std::string write(const std::string &name, const std::string &text) const;
  std::string read(const std::string &name) const;
  /// Starts it and returns when it listens at `port` or has died.
  void start(const std::vector<std::string> &argv, int port);
  /// Not started, or ended by itself.
  bool has_died() const;

 private:
  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace cordon::test

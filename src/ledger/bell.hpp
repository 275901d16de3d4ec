#pragma once

#include <string>

#include "base/descriptor.hpp"

namespace cordon::ledger {

/// Hears what the other clients of a ledger do: that one recorded something (`bell`), and that one has gone, orderly or
/// by death (its name in `owners/`, whose descriptor the kernel closes with the process). By inotify. [one thread]
class Bell {
 public:
  /// Listens in a state directory that a StateDir has opened. Without inotify (its instances are counted per user) the
  /// bell is deaf: listening() is false and somebody has to look from time to time.
  explicit Bell(const std::string &state_dir);

  bool listening() const noexcept { return fd() >= 0; }
  /// Readable when something was heard; −1 when deaf.
  int fd() const noexcept { return fd_.get(); }
  /// Forgets what was heard so far.
  void hush() const noexcept;

 private:
  Descriptor fd_;
};

}  // namespace cordon::ledger

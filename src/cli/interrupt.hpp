#pragma once

#include <cordon.h>

#include <atomic>
#include <thread>

namespace cordon::cli {

/// The call id of the one call this program makes at a time.
inline constexpr const char *kCallId = "cordon-cli";

/// Turns Ctrl-C and SIGTERM into a clean end: the call under way is interrupted; one that carries no call id ends by
/// shutting the client down. A second signal ends the program at once. Made before the client, so that the signals are
/// blocked in every thread of the library.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts &) = delete;
  Interrupts &operator=(const Interrupts &) = delete;

  /// From now on there is something to end cleanly.
  void watch(cordon_client *client) { client_ = client; }
  bool happened() const { return happened_; }

 private:
  void run();

  std::atomic<cordon_client *> client_{nullptr};
  std::atomic<bool> happened_{false};
  std::thread thread_;
};

}  // namespace cordon::cli

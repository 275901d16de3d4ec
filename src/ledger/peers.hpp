#pragma once

#include <string>
#include <string_view>

namespace cordon::ledger {

/// The clients that share one ledger, as one of them sees them: who lives, and a bell by which they tell each other
/// that something was recorded. The seam for a simulation; see StateDir.
class Peers {
 public:
  virtual ~Peers() = default;
  /// This client's name: a fresh UUID.
  virtual const std::string &self() const noexcept = 0;
  /// True while the client of that name lives, in whatever process; a stopped one lives. [any-thread]
  virtual bool is_alive(std::string_view client) const = 0;
  /// Something was committed that others may wait for. Called only while there are others. [ledger thread]
  virtual void ring() noexcept = 0;
  /// In a forked child: ends what keeps this client alive, for the child holds it too. Async-signal-safe.
  virtual void close_after_fork() noexcept = 0;
};

}  // namespace cordon::ledger

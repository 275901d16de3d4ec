#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "base/fork.hpp"
#include "cordon.h"
#include "plugin/client.hpp"

namespace cordon::boundary {

/// The clients of this process by handle. A handle is a number that is no address (not canonical, and odd), is never
/// dereferenced and never given out twice; so whatever a host passes in, the worst answer is "not found". [any-thread]
class Clients {
 public:
  /// Never destroyed: a host may call from its own static destructors.
  static Clients &instance();

  /// Opens a client and returns its handle, never null.
  Result<cordon_client *> open(std::string_view config_json);
  /// The client of a handle, kept alive by the result; INVALID_HANDLE for anything else.
  Result<std::shared_ptr<plugin::Client>> find(const cordon_client *handle) const;
  /// Takes the handle away, so that it is invalid from now on; null if it already was.
  std::shared_ptr<plugin::Client> remove(const cordon_client *handle);
  /// Shuts every client down and drops its transfers, at the process' end; the handles stay.
  void end_all() noexcept;

 private:
  /// The process counts as having a client until the client is destroyed.
  struct Occupant {
    ClientAlive alive;
    std::shared_ptr<plugin::Client> client;
  };
  using Handles = std::map<std::uintptr_t, std::shared_ptr<Occupant>>;

  Clients();
  static std::shared_ptr<plugin::Client> client_of(const std::shared_ptr<Occupant> &occupant);
  std::uintptr_t next_handle();

  std::uintptr_t key_ = 0;  ///< makes handles of one process meaningless in another
  mutable std::mutex mutex_;
  std::uintptr_t count_ = 0;
  Handles handles_;
};

}  // namespace cordon::boundary

#pragma once

#include <condition_variable>
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

  /// Opens a client and returns its handle, never null. SHUTTING_DOWN once the process ends.
  Result<cordon_client *> open(std::string_view config_json);
  /// The client of a handle, kept alive by the result; INVALID_HANDLE for anything else.
  Result<std::shared_ptr<plugin::Client>> find(const cordon_client *handle) const;
  /// Takes the handle away, so that it is invalid from now on, and shuts the client down; nothing if it already was.
  void end(const cordon_client *handle);
  /// At the process' end: lets no more clients come, waits a while for what other threads are opening and ending, shuts
  /// the rest down and drops its transfers; the handles stay.
  void end_all() noexcept;

 private:
  /// The process counts as having a client until the client is destroyed.
  struct Occupant {
    ClientAlive alive;
    std::shared_ptr<plugin::Client> client;
  };
  using Handles = std::map<std::uintptr_t, std::shared_ptr<Occupant>>;
  /// A thread is making a client or ending one, which has no handle meanwhile, but has threads.
  class Passage;

  Clients();
  static std::shared_ptr<plugin::Client> client_of(const std::shared_ptr<Occupant> &occupant);
  std::uintptr_t next_handle();
  bool is_ending() const;
  bool enter(Handles &entry);
  bool others_pass() const;
  std::shared_ptr<plugin::Client> remove(const cordon_client *handle);

  std::uintptr_t key_ = 0;  ///< makes handles of one process meaningless in another
  mutable std::mutex mutex_;
  std::condition_variable passed_;
  std::uintptr_t count_ = 0;
  Handles handles_;
  Passage *passages_ = nullptr;
  bool ending_ = false;  ///< the process
};

}  // namespace cordon::boundary

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "ledger/ledger.hpp"
#include "loop/wait.hpp"

namespace cordon::plugin {

/// A pipe that is readable while there is something to read; level, not count. Whoever holds a duplicate may read from
/// it without harm. [loop]
class ReadySignal {
 public:
  /// A fresh close-on-exec duplicate of the read end, owned by the caller.
  Result<int> duplicate();
  void set(bool readable);

 private:
  Descriptor read_end_;
  Descriptor write_end_;
};

/// Reads the journal as events, by cursor; consumes nothing. [loop]
class EventReader {
 public:
  EventReader(loop::Scheduler &scheduler, ledger::Ledger &ledger) : ledger_(ledger), appended_(scheduler) {}

  /// A call has joined another client's request, which counts as this client's own from now on; as many as fit, the
  /// newest of them.
  void follow(const RequestId &id);
  /// `own_only`: records of this client, and of what it has joined. Waits until there is one or the scope ends: then
  /// nullopt. Without a cursor it goes on behind the last event of the same scope that was read. The descriptor goes by
  /// the last call, whatever its cursor.
  loop::Task<Result<std::optional<Json>>> next(std::optional<std::int64_t> after, bool own_only, bool wait,
                                               loop::Scope &scope);
  /// The journal has grown to `sequence`.
  void on_append(std::int64_t sequence);
  Result<int> descriptor();

 private:
  /// The host knows everything up to `sequence`, as its last call had it.
  void tell(std::int64_t sequence);
  void update_signal() { signal_.set(newest_ > told_); }

  ledger::Ledger &ledger_;
  loop::Event appended_;
  ReadySignal signal_;
  std::int64_t newest_ = 0;
  std::vector<std::string> joined_;  ///< oldest first
  std::int64_t told_ = 0;            ///< the descriptor is readable for what lies behind
  std::int64_t last_own_ = 0;        ///< everything of this client up to here was read
  std::int64_t last_of_all_ = 0;     ///< everything of all clients up to here was read
};

/// The event document of a record (plugin_manifest/schemas/event.schema.json).
Json event_of(const ledger::JournalRecord &record);

}  // namespace cordon::plugin

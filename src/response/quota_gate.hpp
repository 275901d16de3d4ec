#pragma once

#include <functional>
#include <map>
#include <string>

#include "ledger/quota.hpp"
#include "loop/wait.hpp"

namespace cordon::response {

/// The order in which waiting requests get slots, most urgent first (design: urgent > undo > normal > bulk > poll >
/// read).
enum class Lane { Urgent, Undo, Normal, Bulk, Poll, Read };

/// Lets requests of this process to the ledger's quota without a stampede: while a budget has room everybody asks at
/// once (and shares a commit); when it is used up, they stand in line by lane and only the first asks again, when a
/// slot can be free. [loop]
class QuotaGate {
 public:
  explicit QuotaGate(loop::Scheduler &scheduler) : scheduler_(scheduler) {}

  /// Asks the ledger once: the transaction that takes the slot and writes what belongs to it.
  using Ask = std::function<loop::Task<Result<ledger::QuotaAnswer>>()>;

  /// True while nobody waits for `key` and no refusal holds.
  bool open(const std::string &key) const;
  /// Notes a refusal that was met outside acquire().
  void refuse_until(const std::string &key, BootTime again);

  /// Yields a slot. RATE_LIMITED with `retry_after_ms`, at once, when the scope's deadline comes before the next slot;
  /// otherwise the scope's error, or what `ask` failed with.
  loop::Task<Result<std::int64_t>> acquire(std::string key, Lane lane, loop::Scope &scope, const Ask &ask);

 private:
  struct Line {
    BootTime closed_until{};
    std::map<std::pair<Lane, std::uint64_t>, loop::Event *> waiting;  // in the order of service
  };
  static void close(Line &line, BootTime until);
  loop::Scheduler &scheduler_;
  std::map<std::string, Line, std::less<>> lines_;
  std::uint64_t next_ = 0;
};

}  // namespace cordon::response

#include "plugin/open_ledgers.hpp"

#include <array>
#include <atomic>
#include <stdexcept>

#include "base/fork.hpp"

namespace cordon::plugin {
namespace {

// Atomics in static memory: all that a child between fork() and exec() may look at.
std::array<std::atomic<ledger::Ledger *>, 64> open_ledgers{};

void close_in_child() {
  for (auto &open : open_ledgers)
    if (ledger::Ledger *ledger = open.exchange(nullptr)) ledger->close_after_fork();
}

}  // namespace

OpenLedger::OpenLedger(ledger::Ledger &ledger) : slot_(0) {
  register_fork_child_hook(close_in_child);
  for (; slot_ < open_ledgers.size(); ++slot_) {
    ledger::Ledger *none = nullptr;
    if (open_ledgers[slot_].compare_exchange_strong(none, &ledger)) return;
  }
  throw std::length_error("more than 64 clients in one process");
}

OpenLedger::~OpenLedger() {
  open_ledgers[slot_].store(nullptr);
}

}  // namespace cordon::plugin

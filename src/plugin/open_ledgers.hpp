#pragma once

#include "ledger/ledger.hpp"

namespace cordon::plugin {

/// Keeps a ledger known for as long as it lives, so that a forked child can give up the parent's ownership locks: they
/// hold as long as any process has the descriptors.
class OpenLedger {
 public:
  explicit OpenLedger(ledger::Ledger &ledger);
  ~OpenLedger();
  OpenLedger(const OpenLedger &) = delete;
  OpenLedger &operator=(const OpenLedger &) = delete;

 private:
  std::size_t slot_;
};

}  // namespace cordon::plugin

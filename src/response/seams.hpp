#pragma once

#include <algorithm>

#include "base/log.hpp"
#include "base/random.hpp"
#include "defender/operation.hpp"
#include "http/transport.hpp"
#include "ledger/ledger.hpp"
#include "loop/wait.hpp"
#include "response/quota_gate.hpp"

namespace cordon::response {

/// What every flow stands on: all that is outside comes through here, so that a simulation can replace it. Borrowed.
struct Seams {
  Seams(loop::Scheduler &scheduler_, http::Transport &transport_, ledger::Ledger &ledger_, Random &random_, Log &log_,
        const defender::Catalogue &catalogue_)
      : scheduler(scheduler_),
        transport(transport_),
        ledger(ledger_),
        random(random_),
        log(log_),
        catalogue(catalogue_),
        quota(scheduler_) {}

  loop::Scheduler &scheduler;
  http::Transport &transport;
  ledger::Ledger &ledger;
  Random &random;
  Log &log;
  const defender::Catalogue &catalogue;
  QuotaGate quota;
};

/// How long things take unless the service says otherwise (config: track, reconcile).
struct Timing {
  milliseconds track_interval{15'000};
  milliseconds settle{35'000};  ///< between a lost connection and the first look (mde-api §6: up to 30 s unseen)
  milliseconds answer_timeout{60'000};  ///< for the service to answer a request that has left

  milliseconds look_interval{30'000};  ///< at what other clients of the ledger did, besides whenever the bell rings

  /// When, after a lost connection, a first look is worth its call: most lost requests show at once.
  milliseconds early_look() const { return std::min(settle, std::max(milliseconds(500), settle / 10)); }
};

}  // namespace cordon::response

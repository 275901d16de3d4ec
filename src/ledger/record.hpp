#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"

namespace cordon::ledger {

/// One entry of the journal, as it is appended. It never changes afterwards.
struct Record {
  Record() = default;
  Record(std::string kind_, RequestId request_, std::string tenant_, Json body_, UtcTicks at_)
      : kind(std::move(kind_)),
        request(std::move(request_)),
        tenant(std::move(tenant_)),
        body(std::move(body_)),
        at(at_) {}

  std::string kind;   ///< "intent", "state", "decision", "refusal", "vault", "tenant", …
  RequestId request;  ///< empty: concerns no single request
  std::string tenant;
  Json body;
  UtcTicks at;  ///< the host's clock, for readers only
};

/// A record as it is read back.
struct JournalRecord : Record {
  std::int64_t sequence = 0;  ///< 1, 2, 3, … without a gap
  std::string owner;          ///< the client that wrote it
};

/// What somebody recorded about a request.
struct Change {
  Change() = default;
  std::int64_t sequence = 0;
  RequestId request;  ///< empty: it concerns no single request
  std::string tenant;
  std::string owner;
};

/// Which records to read; an empty member does not restrict.
struct EventFilter {
  EventFilter() = default;
  std::vector<std::string> kinds;
  std::string tenant;
  RequestId request;
  std::string owner;  ///< a client: whatever anybody wrote of its requests, and what it wrote of no request
  std::vector<std::string> requests;  ///< ids that count as the owner's too
};

}  // namespace cordon::ledger

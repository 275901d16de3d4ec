#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/utc.hpp"
#include "ledger/state.hpp"

namespace cordon::ledger {

/// The working copy of one request: what the journal says about it, in a form that can be looked up.
struct RequestRow {
  RequestRow() {}

  RequestId id;
  std::string tenant;
  std::string operation;
  MachineId machine;            ///< empty: the operation concerns no device
  std::string match_key;        ///< equal for requests that may join each other; made by the caller, tenant included
  std::string idempotency_key;  ///< empty: none. Unique per tenant among requests that were not expired or withdrawn
  std::string fingerprint;      ///< of the request itself: tells whether a key was reused for another one
  State state = State::Queued;
  ActionId action_id;  ///< empty until the service named one
  Json document;       ///< the action document
  Json parameters;     ///< the operation's own parameters
  Json progress;       ///< what the sender must remember across a crash: attempts, looks, the marker it wrote
  UtcTicks created;
  UtcTicks updated;
  UtcTicks expires;     ///< nothing is sent after it
  std::string owner;    ///< the client that alone may send it
  std::string boot_id;  ///< under which the two boot times below count
  BootTime deadline{};  ///< `expires` on the boot clock
  BootTime closed{};    ///< when the last attempt's connection was closed; zero: none was
  std::string lane = "normal";
};

/// Which requests to list, oldest first; an empty member does not restrict.
struct RequestQuery {
  RequestQuery() = default;
  std::vector<State> states;
  bool live = false;  ///< only those that have not ended
  std::string tenant;
  MachineId machine;
  std::string owner;
  std::vector<std::pair<std::string, std::string>> labels;  ///< all must be in the document's labels
  UtcTicks since;                                           ///< created at or after
  RequestId after;                                          ///< continues behind this request of the previous page
  std::size_t limit = 1000;
};

}  // namespace cordon::ledger

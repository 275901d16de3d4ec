#pragma once

#include "response/responder.hpp"

namespace cordon::response {

/// A request as Responder::begin() left it: new or joined.
struct Responder::Begun {
  Begun(LivePtr live_, bool joined_, bool shows_adopted_)
      : live(std::move(live_)), joined(joined_), shows_adopted(shows_adopted_) {}
  LivePtr live;
  bool joined;         ///< somebody else's request serves this call
  bool shows_adopted;  ///< joined because it asks for the same, not by its key
};

/// Names the request and its action in an error that is about it.
Error about(Error error, const ledger::RequestRow &row);

}  // namespace cordon::response

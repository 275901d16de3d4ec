#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "emulator/machine_action.hpp"
#include "ledger/request_row.hpp"
#include "response/responder.hpp"
#include "trace.hpp"
#include "wish.hpp"

namespace cordon::simulation {

/// A promise of the library that was broken.
struct Violation {
  std::string invariant;
  std::string what;
};

/// Sees what leaves, what the service does with it and what callers are told, and holds each against the promises.
/// Knows requests by the marker in their comments, which is made of the request id.
class Witness {
 public:
  Witness(const Timeline &timeline, Trace &trace) : timeline_(timeline), trace_(trace) {}
  /// Whether the service shows marks. Where it does not, whose an action is can only be guessed from its age.
  void set_echoes(bool echoes) { echoes_ = echoes; }

  void wished(const Wish &wish) { wishes_.push_back(wish); }
  /// A wish may have become a request from now on.
  void asked(int wish, Instant at) { asked_[wish] = at; }
  /// The host's UTC was set back by so much, or its clocks can't be compared any more: validity gets longer.
  void allow_late(nanoseconds by) { late_by_ += by; }

  /// The first byte of a POST left. `marker` as found in its comment; `wish` the number found there.
  void post_left(const std::string &marker, int wish, bool cancel);
  /// The service made `action` for this POST (nullptr: it began to cancel one), for the tenant of that number.
  void applied(const std::string &marker, int wish, int tenant, const emulator::MachineAction *action);
  /// The service's own quota was exceeded.
  void throttled(const std::string &endpoint) { violate("no 429 earned", endpoint + " was throttled"); }

  void told(const Wish &wish, bool submitted, const Result<response::Outcome> &outcome);
  void told_of_poll(const std::string &request_id, const Result<response::Outcome> &outcome);
  void told_withdrawn(const std::string &request_id) { close(request_id, "withdrawn"); }
  /// A call came back at `at`, `late` after the time its caller gave it.
  void came_back(int wish, nanoseconds late);

  /// The request id that a caller of this wish was given; empty: none yet.
  const std::string &request_of(int wish) const;
  /// The action id that somebody was told for this wish.
  const std::string &action_of(int wish) const;

  /// At the world's end: every row of the ledger.
  void judge(const std::vector<ledger::RequestRow> &rows);

  void violate(std::string invariant, std::string what);
  const std::optional<Violation> &violation() const { return violation_; }

 private:
  /// What became of one request in the world outside.
  struct Fate {
    int wish = -1;
    int posts = 0;
    int applied = 0;
    std::string action;  ///< that it made
    bool closed = false;
    std::string closed_by;
  };
  void close(const std::string &request_id, const std::string &why);
  void check_document(const std::string &who, const Json &document, bool ok);
  void check_answer(const Wish &wish, const Json &document);
  bool cancel_the_same(const Wish &wish, const Wish &other) const;
  Instant valid_until(const Wish &wish, bool cancel) const;

  const Timeline &timeline_;
  Trace &trace_;
  std::vector<Wish> wishes_;
  std::map<int, Instant> asked_;
  std::map<std::string, Fate> fates_;  // by marker
  std::map<std::string, const emulator::MachineAction *> actions_;
  std::map<std::string, std::string> maker_;  // marker by action id
  std::map<int, std::string> requests_;       // by wish
  std::map<int, std::string> action_ids_;     // by wish
  std::map<std::string, int> promised_;       // request ids that somebody was given, with the wish
  nanoseconds late_by_{0};
  bool echoes_ = true;
  std::optional<Violation> violation_;
};

}  // namespace cordon::simulation

#pragma once

#include <functional>
#include <vector>

#include "response/match.hpp"

namespace cordon::response {

/// Finds requests again whose outcome is unknown: a connection was lost, a sender died, an answer could not be
/// understood. What is found is adopted. What two complete looks do not show, the second one made when the service
/// shows whatever it has taken, was not applied: it goes back to the queue while it is still wanted, and expires when
/// it is not (mde-api §4.3, §6). [loop]
class Search {
 public:
  Search(Seams &seams, const Timing &timing, Book &book, Reader &reader, loop::Scope &life)
      : seams_(seams), timing_(timing), book_(book), reader_(reader), life_(life) {}

  /// Called when a request is known to be absent and waits in the queue again.
  void set_on_absent(std::function<void(LivePtr)> callback) { on_absent_ = std::move(callback); }

  /// Looks for a request of this client whose connection was closed at `closed`. One that is still marked as being sent
  /// was left so by a sender that is gone, and becomes unknown first.
  void start(LivePtr live, BootTime closed);
  /// Looks once for a request of another client that lives but has said nothing for long: found, it is followed; its
  /// owner alone may send it again.
  void start_for_other(LivePtr live);

 private:
  loop::Task<void> run(LivePtr live, BootTime closed);
  loop::Task<void> run_for_other(LivePtr live);
  loop::Task<Result<void>> wait_until(LivePtr live, BootTime next, BootTime earliest);
  loop::Task<Result<bool>> mark_unknown(LivePtr live, BootTime closed);
  loop::Task<Result<bool>> look(LivePtr live);
  loop::Task<Result<void>> adopt(LivePtr live, defender::MachineAction action, BootTime asked, bool shows_marks);
  loop::Task<void> judge_absent(LivePtr live);

  Seams &seams_;
  const Timing &timing_;
  Book &book_;
  Reader &reader_;
  loop::Scope &life_;
  std::function<void(LivePtr)> on_absent_;
};

/// The fact, among the ledger's, that the service shows a tenant's marks: only then does their absence mean anything.
std::string echo_fact(const std::string &tenant);

}  // namespace cordon::response

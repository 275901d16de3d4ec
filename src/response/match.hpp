#pragma once

#include <optional>
#include <vector>

#include "response/book.hpp"

namespace cordon::response {

/// Whose action this is, seen from a request (mde-api §4.3).
enum class Match {
  Ours,       ///< carries our external id or our marker, or nothing that speaks against having been made by this POST
  Adoptable,  ///< somebody else's or an earlier one, not at its end, that does what the request asks
  Other,      ///< on the same device and of the same type, but with other parameters, or with none that it shows
};

/// True when the service echoed our external id or marker.
bool carries_our_mark(const ledger::RequestRow &row, const defender::MachineAction &action);

/// Judges the action of an accepted POST. `not_before`: a service time that was certainly past when the POST left, if
/// one is known.
Match match_answer(const Live &live, const defender::MachineAction &action, std::optional<UtcTicks> not_before);

/// Among what a look found: the one that carries our mark and does what was asked, else an open one that does the same.
const defender::MachineAction *find_ours(const Live &live, const std::vector<defender::MachineAction> &actions);
const defender::MachineAction *find_adoptable(const Live &live, const std::vector<defender::MachineAction> &actions);

/// An action by somebody else that has done what the request asks, made after the request left.
const defender::MachineAction *find_done_by_others(const Live &live,
                                                   const std::vector<defender::MachineAction> &actions,
                                                   std::optional<UtcTicks> sent_after);

/// True for an action that some request of Cordon made.
bool is_marked(const defender::MachineAction &action);

/// All actions of the request's type on its device.
defender::ActionFilter same_device_and_type(const Live &live);

}  // namespace cordon::response

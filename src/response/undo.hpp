#pragma once

#include <functional>
#include <set>

#include "response/book.hpp"

namespace cordon::response {

/// Keeps an undo behind what it reverses: a forward request that was not sent is withdrawn, one that the service holds
/// is cancelled there, one whose outcome is unknown is waited for. Only then the undo is sent; whether it still had
/// something to do, the service says. [loop]
class UndoOrder {
 public:
  /// Has the service's action of `forward` cancelled, on behalf of `undo`, as a request of its own.
  using Cancel = std::function<loop::Task<Result<void>>(LivePtr undo, ledger::RequestRow forward)>;

  UndoOrder(Seams &seams, Book &book) : seams_(seams), book_(book) {}
  void set_cancel(Cancel cancel) { cancel_ = std::move(cancel); }

  /// Waits until nothing that `undo` reverses is before it on its device. An error: its time is over, or what is
  /// before it is somebody else's and may not be cancelled.
  loop::Task<Result<void>> clear_way(LivePtr undo);

 private:
  loop::Task<Result<void>> settle(LivePtr undo, ledger::RequestRow forward, std::set<RequestId> &cancelled);
  loop::Task<Result<void>> withdraw(LivePtr undo, const ledger::RequestRow &forward);

  Seams &seams_;
  Book &book_;
  Cancel cancel_;
};

/// What the request would overtake on its device: the oldest one that has not ended and that it reverses, or that
/// reverses it.
Result<std::optional<ledger::RequestRow>> opposite_before(ledger::Tx &tx, const defender::Catalogue &catalogue,
                                                          const ledger::RequestRow &row,
                                                          const defender::Operation &operation);

/// REFUSED_BY_POLICY when what the undo reverses was made by somebody else and only adopted: it is theirs to reverse.
Result<void> refuse_foreign_undo(ledger::Tx &tx, const ledger::RequestRow &row, const defender::Operation &operation);

/// Waits for news of any request, or a second: what is waited for may be another client's.
loop::Task<Result<void>> wait_for_news(Seams &seams, Book &book, loop::Scope &scope);

}  // namespace cordon::response

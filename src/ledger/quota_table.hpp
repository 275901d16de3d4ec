#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "ledger/slot_book.hpp"
#include "ledger/sqlite.hpp"

namespace cordon::ledger {

/// The tables of quota keys and slots, with a SlotBook of each key in memory that is read at the key's first use and
/// then brought up to date by what other clients have changed. Contracts: see Tx.
class QuotaTable {
 public:
  QuotaTable(Database &db, std::string owner, std::string boot_id);

  /// Times of an earlier boot can't be compared with ours: what they tell counts as happened now.
  Result<void> leave_earlier_boots(BootTime now);
  /// What was under way when its owner died ended now plus kQuotaLinger at the latest.
  Result<void> bury(std::string_view owner, BootTime now);

  Result<QuotaAnswer> take(std::string_view key, const QuotaWindows &windows, bool privileged, BootTime now);
  Result<void> end(std::int64_t slot, BootTime ended);
  Result<void> cool(std::string_view key, BootTime now, BootTime until);
  Result<QuotaUsage> usage(std::string_view key, const QuotaWindows &windows, BootTime now);

  /// The closure's writes stay, or are taken back: then the books it changed are read anew.
  void keep() { changed_.clear(); }
  void take_back();
  void forget_all() { books_.clear(), changed_.clear(); }
  /// Another client has written: each book is compared with the table at its next use.
  void others_wrote() { ++epoch_; }

 private:
  struct Book {
    std::int64_t key_id = 0;  ///< 0: nothing was written under this key yet
    std::int64_t change = 0;  ///< of the key, up to which the slots are known
    std::int64_t epoch = -1;  ///< in which that was seen
    SlotBook slots;
  };
  Result<Book *> book(std::string_view key);
  Result<void> refresh(std::string_view key, Book &book);
  Result<void> count_change(Book &book);
  Result<void> ensure_key(std::string_view key, Book &book);
  Result<void> purge(const QuotaWindows &windows, BootTime now, Book &book);
  void mark(std::int64_t key_id) { changed_.push_back(key_id); }

  Database &db_;
  std::string owner_;
  std::string boot_id_;
  std::map<std::string, Book, std::less<>> books_;
  std::vector<std::int64_t> changed_;  // key ids the closure under way wrote to
  std::int64_t epoch_ = 0;
  Statement find_key_;
  Statement add_key_;
  Statement count_change_;
  Statement changed_slots_;
  Statement key_of_;
  Statement grant_;
  Statement end_;
  Statement cool_;
  Statement delete_;
};

}  // namespace cordon::ledger

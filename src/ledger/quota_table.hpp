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

/// The tables of quota keys and slots, with a SlotBook of each key in memory that is read at the key's first use.
/// Contracts: see Tx.
class QuotaTable {
 public:
  QuotaTable(Database &db, std::string owner, std::string boot_id);

  /// For a client that is the only one: the slots of all others are those of the dead. What was under way when its
  /// owner died ended now plus kQuotaLinger at the latest; times of another boot can't be compared and count as now.
  Result<void> take_over(BootTime now);

  Result<QuotaAnswer> take(std::string_view key, const QuotaWindows &windows, BootTime now);
  Result<void> end(std::int64_t slot, BootTime ended);
  Result<void> cool(std::string_view key, BootTime now, BootTime until);
  Result<QuotaUsage> usage(std::string_view key, const QuotaWindows &windows, BootTime now);

  /// The closure's writes stay, or are taken back: then the books it changed are read anew.
  void keep() { changed_.clear(); }
  void take_back();
  void forget_all() { books_.clear(), changed_.clear(); }

 private:
  struct Book {
    explicit Book(std::int64_t key_id_) : key_id(key_id_) {}
    std::int64_t key_id;  ///< 0: nothing was written under this key yet
    SlotBook slots;
  };
  Result<Book *> book(std::string_view key);
  Result<void> ensure_key(std::string_view key, Book &book);
  Result<void> purge(const QuotaWindows &windows, BootTime now, Book &book);
  void mark(std::int64_t key_id) { changed_.push_back(key_id); }

  Database &db_;
  std::string owner_;
  std::string boot_id_;
  std::map<std::string, Book, std::less<>> books_;
  std::vector<std::int64_t> changed_;  // key ids the closure under way wrote to
  Statement find_key_;
  Statement add_key_;
  Statement load_slots_;
  Statement grant_;
  Statement end_;
  Statement cool_;
  Statement delete_;
};

}  // namespace cordon::ledger

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ledger/keyring.hpp"
#include "ledger/sqlite.hpp"
#include "ledger/store.hpp"

namespace cordon::ledger {

/// The table of records and their chain. Each record's MAC is taken over the previous one's, so none can be changed,
/// taken out, moved or put in between without the ones behind it telling.
class Journal {
 public:
  Journal(Database &db, const Keyring &keyring, std::string owner);

  /// Where the chain ends.
  struct Tail {
    std::int64_t sequence = 0;
    std::string mac = std::string(kMacSize, '\0');
  };
  const Tail &tail() const noexcept { return tail_; }
  /// After a rollback.
  void set_tail(Tail tail) { tail_ = std::move(tail); }
  /// Reads where the chain ends: somebody else may have written.
  Result<void> reload();

  Result<std::int64_t> append(const Record &record);
  Result<std::vector<JournalRecord>> after(std::int64_t cursor, const EventFilter &filter, std::size_t limit);
  Result<std::vector<Change>> changes_after(std::int64_t cursor, std::size_t limit);
  Result<void> walk(ChainWalk &walk, std::size_t limit);
  /// What is wrong with the newest record; empty: nothing.
  Result<std::string> check_newest();
  /// Is there a record of this sequence with this MAC?
  Result<bool> holds(std::int64_t sequence, std::string_view mac);

 private:
  struct Row;
  static Row read(const Rows &rows);
  std::string mac(std::string_view previous, const Row &row) const;

  Database &db_;
  const Keyring &keyring_;
  std::string owner_;
  Tail tail_;
  Statement append_;
  Statement newest_;
  Statement after_;
  Statement changes_;
  Statement walk_;
  Statement mac_of_;
};

}  // namespace cordon::ledger

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger/chain_walk.hpp"
#include "ledger/keyring.hpp"
#include "ledger/record.hpp"
#include "ledger/request_row.hpp"
#include "ledger/sqlite.hpp"

namespace cordon::ledger {

/// The table of records and their chain. Each record's MAC is taken over the previous one's, so none can be changed,
/// taken out, moved or put in between without the ones behind it telling.
class Journal {
 public:
  Journal(Database &db, const Keyring &keyring, std::string owner);

  void set_ledger_id(std::string id) { ledger_id_ = std::move(id); }

  /// Where the chain ends.
  using Tail = ChainLink;
  const Tail &tail() const noexcept { return tail_; }
  /// The last record that was moved to an archive: the first that is here follows it.
  const ChainLink &base() const noexcept { return base_; }
  /// After a rollback.
  void set_tail(Tail tail);
  /// Reads where the chain begins and ends: somebody else may have written.
  Result<void> reload();

  Result<std::int64_t> append(const Record &record);
  /// The sequence of the newest record if that tells what this request is now; else 0.
  std::int64_t newest_of(std::string_view request) const { return request == newest_request_ ? tail_.sequence : 0; }
  /// Signs what has no signature yet, if there is so much of it that it is time, or in any case. Needs the key.
  Result<void> checkpoint(bool in_any_case, UtcTicks now);
  /// Moves the base: what is behind it up to there is deleted, and a record says so.
  Result<void> cut_beginning(const ChainLink &through, const std::string &archive, UtcTicks now);
  /// Up to `limit` rows behind `sequence`, as they are.
  Result<std::vector<JournalRow>> rows_after(std::int64_t sequence, std::size_t limit);
  /// The place behind a record, to begin a walk there; nullopt: it is not here.
  Result<std::optional<ChainLink>> link_at(std::int64_t sequence);
  /// Where a check of the journal's end begins: behind the newest damage that was recorded, or the newest checkpoint,
  /// or further back so that `at_least` records are checked.
  Result<ChainLink> newest_mark(std::int64_t at_least);

  Result<std::vector<JournalRecord>> after(std::int64_t cursor, const EventFilter &filter, std::size_t limit);
  Result<std::vector<Change>> changes_after(std::int64_t cursor, std::size_t limit);
  Result<void> walk(ChainWalk &walk, std::size_t limit);
  /// How a request's row differs from the record of this sequence, its newest, or what is wrong with that.
  Result<std::string> check_record_of(const RequestRow &row, std::int64_t sequence);
  /// Is there a record of this sequence with this MAC?
  Result<bool> holds(std::int64_t sequence, std::string_view mac);

 private:
  Result<std::int64_t> newest_of_kind(const char *kind, std::int64_t after);
  Result<bool> is_sound(const JournalRow &row);
  Result<void> tell_if_moved(ChainWalk &walk, const JournalRow &row);

  Database &db_;
  const Keyring &keyring_;
  std::string owner_;
  std::string ledger_id_;
  ChainLink base_;
  Tail tail_;
  std::string newest_request_;       // that the newest record is about, if this client wrote it
  std::int64_t signed_through_ = 0;  // by a checkpoint, as far as is known
  Statement append_;
  Statement newest_;
  Statement after_;
  Statement changes_;
  Statement rows_;
  Statement row_;
  Statement newest_of_kind_;
  Statement base_text_;
  Statement put_base_;
  Statement cut_;
};

}  // namespace cordon::ledger

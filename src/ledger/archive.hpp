#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "base/utc.hpp"
#include "ledger/chain_walk.hpp"
#include "ledger/sqlite.hpp"

namespace cordon::ledger {

/// A request's row on its way to an archive: all its columns as one JSON document.
struct ArchivedRequest {
  ArchivedRequest(std::string id_, std::string row_) : id(std::move(id_)), row(std::move(row_)) {}
  std::string id;
  std::string row;
};

/// The newest file of `state_dir/archive`, one a month, to which old records are moved. Held by one client at a time
/// through a lock that ends with it.
class Archive {
 public:
  /// Opens or makes it. nullptr: another client is at it.
  static Result<std::unique_ptr<Archive>> open(const std::string &state_dir, const std::string &ledger_id,
                                               UtcTicks now);
  Archive(const Archive &) = delete;
  Archive &operator=(const Archive &) = delete;

  /// Takes in records that follow `base`, and requests, and makes that durable. What is there already stays: the
  /// records are still in the journal when a client dies before it takes them out.
  Result<void> put(const ChainLink &base, const std::vector<JournalRow> &records,
                   const std::vector<ArchivedRequest> &requests);
  const std::string &name() const noexcept { return name_; }

 private:
  Archive(Descriptor lock, std::string name) : lock_(std::move(lock)), name_(std::move(name)) {}
  Result<void> prepare(const std::string &ledger_id);
  Result<void> put_all(const ChainLink &base, const std::vector<JournalRow> &records,
                       const std::vector<ArchivedRequest> &requests);

  Descriptor lock_;   ///< first, hence last to go
  std::string name_;  ///< "2026-02.db"
  std::unique_ptr<Database> db_;
};

/// What was found out about one archive file.
struct ArchiveReport {
  explicit ArchiveReport(std::string file_) : file(std::move(file_)) {}
  std::string file;    ///< its path
  ChainLink base;      ///< its records follow it
  ChainLink end;       ///< the last of them that was found good
  std::string damage;  ///< empty: none
};

/// Walks all archives that are in `state_dir`, in order; each must follow the one before, and the journal, which begins
/// behind `journal_base`, the last one. Older archives may have been taken away. Blocks; reads every byte.
Result<std::vector<ArchiveReport>> check_archives(const std::string &state_dir, const Keyring &keyring,
                                                  const std::string &ledger_id, const ChainLink &journal_base);

}  // namespace cordon::ledger

#pragma once

#include <functional>
#include <vector>

#include "ledger/sqlite.hpp"

namespace cordon::ledger {

/// One step of the schema. It never changes once released: what comes later is a step of its own.
struct Migration {
  Migration(std::int64_t version_, std::int64_t min_reader_, std::int64_t min_writer_, const char *sql_,
            std::function<Result<void>(Database &)> fill_ = {})
      : version(version_), min_reader(min_reader_), min_writer(min_writer_), sql(sql_), fill(std::move(fill_)) {}
  std::int64_t version;     ///< of the schema behind it: 1, 2, 3, …
  std::int64_t min_reader;  ///< the oldest schema version whose code reads what the step leaves behind
  std::int64_t min_writer;  ///< and writes it. A step that only adds keeps both
  const char *sql;
  std::function<Result<void>(Database &)> fill;  ///< works out what was added for the rows there are; may be empty
};
using Migrations = std::vector<Migration>;

/// Runs `work` in a transaction of its own that is begun as a writer; takes everything back if it fails.
Result<void> in_transaction(Database &db, const std::function<Result<void>()> &work);

/// The version of the file's schema; 0: it has no tables.
Result<std::int64_t> schema_version(Database &db);

/// Inside a transaction: applies the step unless the file has it already.
Result<void> apply(Database &db, const Migration &step);

/// Applies what the file lacks, each step in a transaction of its own. Several processes may do so at the same time.
Result<void> migrate(Database &db, const Migrations &steps);

/// What the file asks of the code that uses it. Kept by whoever stays: it is asked again whenever another process has
/// written, for that may have been a newer release that migrated the file.
class VersionBounds {
 public:
  explicit VersionBounds(Database &db);
  /// Status::Ledger if the file asks for code newer than `newest`.
  Result<void> check(std::int64_t newest);

 private:
  Database &db_;
  Statement number_in_meta_;
};

}  // namespace cordon::ledger

#pragma once

#include "ledger/sqlite.hpp"

namespace cordon::ledger {

/// "Crdn": tells a ledger from any other SQLite file.
constexpr std::int64_t kApplicationId = 0x4372646e;
/// What this code can read and write. A newer release that only adds keeps min_reader and min_writer.
constexpr std::int64_t kSchemaVersion = 1;

/// Makes the tables in an empty file, or checks that this release may use those that are there. Status::Ledger if the
/// file is not a ledger or asks for a newer release.
Result<void> prepare_schema(Database &db, std::string_view ledger_id);

}  // namespace cordon::ledger

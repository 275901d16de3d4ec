#pragma once

#include "ledger/sqlite.hpp"

namespace cordon::ledger {

/// "Crdn": tells a ledger from any other SQLite file.
constexpr std::int64_t kApplicationId = 0x4372646e;
/// The version this code writes: that of the newest step it knows.
std::int64_t newest_schema();

/// Makes the tables in an empty file, or checks that this release may use those that are there and adds what they lack.
/// Status::Ledger if the file is not a ledger or asks for a newer release.
Result<void> prepare_schema(Database &db, std::string_view ledger_id);

}  // namespace cordon::ledger

#pragma once

#include <string_view>

#include "base/json.hpp"
#include "defender/operation.hpp"
#include "ledger/journal_row.hpp"

namespace cordon::plugin {

/// The OCSF event (schema 1.3.0) of a record: Remediation Activity or File Remediation Activity for what is done to a
/// device, Base Event for everything else. What OCSF has no member for is in `unmapped`.
Json ocsf_event(const ledger::JournalRow &row, std::string_view ledger_id, const defender::Catalogue &catalogue);

}  // namespace cordon::plugin

#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ledger/archive.hpp"
#include "ledger/request_row.hpp"
#include "ledger/sqlite.hpp"

namespace cordon::ledger {

/// The table of requests' working copies. Contracts: see Tx.
class RequestTable {
 public:
  explicit RequestTable(Database &db);

  /// `record`: the sequence of the newest record about it; 0: unchanged.
  Result<void> put(const RequestRow &row, std::int64_t record);
  Result<std::int64_t> last_record(const RequestId &id);
  /// The ended ones whose newest record is not behind this one, whole, for an archive; then out of the table.
  Result<std::vector<ArchivedRequest>> ended_through(std::int64_t record);
  Result<void> erase_ended_through(std::int64_t record);
  /// The others of which that is true.
  Result<std::vector<RequestRow>> live_through(std::int64_t record);
  Result<std::optional<RequestRow>> by_id(const RequestId &id);
  Result<std::optional<RequestRow>> by_idempotency_key(std::string_view tenant, std::string_view key);
  Result<std::optional<RequestRow>> live_by_match_key(std::string_view key);
  Result<std::vector<RequestRow>> by_action_id(std::string_view tenant, const ActionId &id);
  Result<std::vector<RequestRow>> list(const RequestQuery &query);
  Result<std::vector<RequestRow>> live_on_device(std::string_view tenant, const MachineId &machine);
  Result<bool> is_sending_other(std::string_view tenant, const MachineId &machine, const RequestId &id);
  Result<std::optional<RequestRow>> newest_sent(std::string_view tenant, const MachineId &machine,
                                                std::string_view operation);
  Result<std::int64_t> in_flight(std::string_view tenant);
  Result<std::vector<std::string>> tenants_in_flight() { return texts_of(tenants_in_flight_.query()); }
  Result<std::vector<RequestRow>> in_flight_rows(std::string_view tenant, const RequestId &after, std::size_t limit);
  Result<std::vector<std::string>> working_owners() { return texts_of(working_owners_.query()); }

 private:
  Result<void> insert(const RequestRow &row, std::int64_t record);
  Result<RequestRow> read(const Rows &rows) const;
  Result<std::optional<RequestRow>> first(Rows rows) const;
  Result<std::vector<RequestRow>> all(Rows rows) const;

  Database &db_;
  Statement update_;
  Statement insert_;
  Statement last_record_;
  Statement by_id_;
  Statement by_idempotency_key_;
  Statement live_by_match_key_;
  Statement by_action_id_;
  Statement list_;
  Statement list_live_;
  Statement live_on_device_;
  Statement sending_other_;
  Statement newest_sent_;
  Statement in_flight_;
  Statement tenants_in_flight_;
  Statement in_flight_rows_;
  Statement working_owners_;
  Statement live_through_;
  Statement erase_ended_;
};

}  // namespace cordon::ledger

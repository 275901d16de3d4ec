#include "ledger/request_table.hpp"

#include <fmt/format.h>

namespace cordon::ledger {
namespace {

constexpr const char *kColumns =
    "id, tenant, operation, machine_id, match_key, idempotency_key, fingerprint, parameters, created_at, lane,"
    " state, action_id, document, progress, updated_at, expires_at, owner, boot_id, deadline, closed";

std::string select(std::string_view where) {
  return fmt::format("SELECT {} FROM requests WHERE {}", kColumns, where);
}

std::string listing(std::string_view condition) {
  return select(
      fmt::format("{} AND number > coalesce((SELECT number FROM requests WHERE id = ?1), 0)"
                  " AND (?2 = '' OR tenant = ?2) AND (?3 = '' OR machine_id = ?3) AND (?4 = '' OR owner = ?4)"
                  " AND created_at >= ?5 AND (?6 = '' OR state IN (SELECT value FROM json_each(?6)))"
                  " AND NOT EXISTS (SELECT 1 FROM json_each(?7) AS wanted WHERE NOT EXISTS"
                  "   (SELECT 1 FROM json_each(requests.document, '$.labels') AS label"
                  "    WHERE label.key = wanted.value ->> 0 AND label.value = wanted.value ->> 1))"
                  " ORDER BY number LIMIT ?8",
                  condition));
}

std::int64_t count(BootTime time) {
  return time.time_since_epoch().count();
}

BootTime boot_time(std::int64_t count) {
  return BootTime(nanoseconds(count));
}

/// Puts what is still known in the place of what can't be read, so that one damaged row stops nobody but itself.
void replace_damaged(RequestRow &row) {
  if (!row.parameters.is_object()) row.parameters = Json::object();
  if (!row.progress.is_object()) row.progress = Json::object();
  if (!row.document.is_object())
    row.document = {
        {"request_id", row.id.str()}, {"action_id", text_or_null(row.action_id.str())}, {"tenant", row.tenant},
        {"operation", row.operation}, {"machine_id", text_or_null(row.machine.str())},  {"status", nullptr},
        {"labels", Json::object()}};
  row.document["state"] = state_name(row.state);
  row.document["error_text"] = "the row of this request in the ledger is damaged; run ledger_check";
}

}  // namespace

RequestTable::RequestTable(Database &db)
    : db_(db),
      update_(db,
              "UPDATE requests SET state = ?2, ended = ?3, key_free = ?4, action_id = ?5, document = ?6, progress = ?7,"
              " updated_at = ?8, expires_at = ?9, owner = ?10, boot_id = ?11, deadline = ?12, closed = ?13,"
              " last_record = max(last_record, ?14)"
              " WHERE id = ?1"),
      insert_(db, fmt::format("INSERT INTO requests ({}, ended, key_free, last_record) VALUES"
                              " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              kColumns)),
      last_record_(db, "SELECT last_record FROM requests WHERE id = ?"),
      by_id_(db, select("id = ?")),
      by_idempotency_key_(db, select("tenant = ? AND idempotency_key = ? AND key_free = 0")),
      live_by_match_key_(db, select("match_key = ? AND ended = 0 ORDER BY number DESC LIMIT 1")),
      by_action_id_(db, select("action_id = ?1 AND (?2 = '' OR tenant = ?2) ORDER BY number")),
      list_(db, listing("1")),
      list_live_(db, listing("ended = 0")),
      live_on_device_(db, select("tenant = ? AND machine_id = ? AND ended = 0 ORDER BY number")),
      sending_other_(db,
                     "SELECT 1 FROM requests WHERE tenant = ? AND machine_id = ? AND ended = 0 AND state = 'sending'"
                     " AND id <> ? LIMIT 1"),
      newest_sent_(db, select("tenant = ? AND machine_id = ? AND operation = ? AND key_free = 0 AND state <> 'queued'"
                              " AND state <> 'rejected' ORDER BY number DESC LIMIT 1")),
      in_flight_(db, "SELECT count(*) FROM requests WHERE tenant = ? AND state IN ('pending', 'in_progress')"),
      tenants_in_flight_(db, "SELECT DISTINCT tenant FROM requests WHERE state IN ('pending', 'in_progress')"),
      in_flight_rows_(db, select("tenant = ?1 AND state IN ('pending', 'in_progress')"
                                 " AND number > coalesce((SELECT number FROM requests WHERE id = ?2), 0)"
                                 " ORDER BY number LIMIT ?3")),
      working_owners_(db, "SELECT DISTINCT owner FROM requests WHERE state IN ('queued', 'sending', 'unknown')"),
      live_through_(db, select("ended = 0 AND last_record <= ?")),
      erase_ended_(db, "DELETE FROM requests WHERE ended = 1 AND last_record <= ?") {}

Result<void> RequestTable::put(const RequestRow &row, std::int64_t record) {
  const std::string document = dump(row.document);
  const std::string progress = dump(row.progress);
  auto updated = update_.run(std::string_view(row.id.str()), state_name(row.state), std::int64_t{is_ended(row.state)},
                             std::int64_t{is_never_sent(row.state)}, text_or_sql_null(row.action_id.str()),
                             std::string_view(document), std::string_view(progress), row.updated.unix_ticks(),
                             row.expires.unix_ticks(), std::string_view(row.owner), std::string_view(row.boot_id),
                             count(row.deadline), count(row.closed), record);
  if (updated && db_.changes() == 0) updated = insert(row, record);
  if (!updated && sqlite3_extended_errcode(db_.handle()) == SQLITE_CONSTRAINT_UNIQUE)
    return fail(Status::KeyReused, "the idempotency key belongs to another request of this tenant; use a new key");
  return updated;
}

Result<void> RequestTable::insert(const RequestRow &row, std::int64_t record) {
  const std::string document = dump(row.document);
  const std::string progress = dump(row.progress);
  const std::string parameters = dump(row.parameters);
  return insert_.run(std::string_view(row.id.str()), std::string_view(row.tenant), std::string_view(row.operation),
                     std::string_view(row.machine.str()), std::string_view(row.match_key),
                     text_or_sql_null(row.idempotency_key), std::string_view(row.fingerprint),
                     std::string_view(parameters), row.created.unix_ticks(), std::string_view(row.lane),
                     state_name(row.state), text_or_sql_null(row.action_id.str()), std::string_view(document),
                     std::string_view(progress), row.updated.unix_ticks(), row.expires.unix_ticks(),
                     std::string_view(row.owner), std::string_view(row.boot_id), count(row.deadline), count(row.closed),
                     std::int64_t{is_ended(row.state)}, std::int64_t{is_never_sent(row.state)}, record);
}

Result<RequestRow> RequestTable::read(const Rows &rows) const {
  RequestRow row;
  row.id = RequestId::trusted(rows.text(0));
  row.tenant = rows.text(1);
  row.operation = rows.text(2);
  row.machine = MachineId::trusted(rows.text(3));
  row.match_key = rows.text(4);
  row.idempotency_key = rows.text(5);
  row.fingerprint = rows.text(6);
  row.parameters = parse_stored(rows.text(7));
  row.created = UtcTicks::from_unix_ticks(rows.integer(8));
  row.lane = rows.text(9);
  const auto state = parse_state(rows.text(10));
  row.action_id = ActionId::trusted(rows.text(11));
  row.document = parse_stored(rows.text(12));
  row.progress = parse_stored(rows.text(13));
  row.updated = UtcTicks::from_unix_ticks(rows.integer(14));
  row.expires = UtcTicks::from_unix_ticks(rows.integer(15));
  row.owner = rows.text(16);
  row.boot_id = rows.text(17);
  row.deadline = boot_time(rows.integer(18));
  row.closed = boot_time(rows.integer(19));
  const bool readable = row.document.is_object() && row.parameters.is_object() && row.progress.is_object();
  row.state = state && (readable || is_ended(*state)) ? *state : State::Unknown;
  if (!readable) replace_damaged(row);
  return row;
}

Result<std::vector<RequestRow>> RequestTable::all(Rows rows) const {
  std::vector<RequestRow> found;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return found;
    auto row = read(rows);
    if (!row) return tl::unexpected(std::move(row.error()));
    found.push_back(std::move(*row));
  }
}

Result<std::optional<RequestRow>> RequestTable::first(Rows rows) const {
  const auto more = rows.next();
  if (!more) return tl::unexpected(more.error());
  if (!*more) return std::nullopt;
  return read(rows).map([](RequestRow row) { return std::optional(std::move(row)); });
}

Result<std::int64_t> RequestTable::last_record(const RequestId &id) {
  Rows rows = last_record_.query(std::string_view(id.str()));
  return rows.next().map([&](bool found) { return found ? rows.integer(0) : 0; });
}

Result<std::vector<ArchivedRequest>> RequestTable::ended_through(std::int64_t record) {
  // Whatever columns the table has got since.
  Statement columns(
      db_,
      "SELECT group_concat(quote(name) || ', \"' || name || '\"', ', ') FROM pragma_table_info('requests')"
      " WHERE name <> 'number'");
  std::string members;
  {
    Rows rows = columns.query();
    const auto found = rows.next();
    if (!found) return tl::unexpected(found.error());
    members = rows.text(0);
  }
  Statement read(db_,
                 fmt::format("SELECT id, json_object({}) FROM requests WHERE ended = 1 AND last_record <= ?", members));
  std::vector<ArchivedRequest> found;
  Rows rows = read.query(record);
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return found;
    found.emplace_back(rows.text(0), rows.text(1));
  }
}

Result<void> RequestTable::erase_ended_through(std::int64_t record) {
  return erase_ended_.run(record);
}

Result<std::vector<RequestRow>> RequestTable::live_through(std::int64_t record) {
  return all(live_through_.query(record));
}

Result<std::optional<RequestRow>> RequestTable::by_id(const RequestId &id) {
  return first(by_id_.query(std::string_view(id.str())));
}

Result<std::optional<RequestRow>> RequestTable::by_idempotency_key(std::string_view tenant, std::string_view key) {
  if (key.empty()) return std::nullopt;
  return first(by_idempotency_key_.query(tenant, key));
}

Result<std::optional<RequestRow>> RequestTable::live_by_match_key(std::string_view key) {
  return first(live_by_match_key_.query(key));
}

Result<std::vector<RequestRow>> RequestTable::by_action_id(std::string_view tenant, const ActionId &id) {
  return all(by_action_id_.query(std::string_view(id.str()), tenant));
}

Result<std::vector<RequestRow>> RequestTable::live_on_device(std::string_view tenant, const MachineId &machine) {
  return all(live_on_device_.query(tenant, std::string_view(machine.str())));
}

Result<bool> RequestTable::is_sending_other(std::string_view tenant, const MachineId &machine, const RequestId &id) {
  Rows rows = sending_other_.query(tenant, std::string_view(machine.str()), std::string_view(id.str()));
  return rows.next();
}

Result<std::optional<RequestRow>> RequestTable::newest_sent(std::string_view tenant, const MachineId &machine,
                                                            std::string_view operation) {
  return first(newest_sent_.query(tenant, std::string_view(machine.str()), operation));
}

Result<std::int64_t> RequestTable::in_flight(std::string_view tenant) {
  Rows rows = in_flight_.query(tenant);
  return rows.next().map([&](bool) { return rows.integer(0); });
}

Result<std::vector<RequestRow>> RequestTable::in_flight_rows(std::string_view tenant, const RequestId &after,
                                                             std::size_t limit) {
  return all(in_flight_rows_.query(tenant, std::string_view(after.str()), static_cast<std::int64_t>(limit)));
}

Result<std::vector<RequestRow>> RequestTable::list(const RequestQuery &query) {
  Json states = Json::array();
  for (const State state : query.states) states.push_back(state_name(state));
  const std::string state_list = states.empty() ? std::string() : dump(states);
  Json labels = Json::array();
  for (const auto &[name, value] : query.labels) labels.push_back(Json::array({name, value}));
  const std::string label_list = dump(labels);
  return all((query.live ? list_live_ : list_)
                 .query(std::string_view(query.after.str()), std::string_view(query.tenant),
                        std::string_view(query.machine.str()), std::string_view(query.owner), query.since.unix_ticks(),
                        std::string_view(state_list), std::string_view(label_list),
                        static_cast<std::int64_t>(query.limit)));
}

}  // namespace cordon::ledger

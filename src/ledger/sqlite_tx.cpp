#include <fmt/format.h>

#include "ledger/sqlite_store.hpp"

namespace cordon::ledger {

Result<std::int64_t> SqliteStore::append(const Record &record) {
  return writing().and_then([&] { return journal_.append(record); });
}

Result<std::vector<JournalRecord>> SqliteStore::events_after(std::int64_t cursor, const EventFilter &filter,
                                                             std::size_t limit) {
  return journal_.after(cursor, filter, limit);
}

Result<void> SqliteStore::put_request(const RequestRow &row) {
  return writing().and_then([&] { return requests_.put(row, journal_.newest_of(row.id.str())); });
}

Result<std::optional<RequestRow>> SqliteStore::by_idempotency_key(std::string_view tenant, std::string_view key) {
  return requests_.by_idempotency_key(tenant, key);
}

Result<std::optional<RequestRow>> SqliteStore::live_by_match_key(std::string_view key) {
  return requests_.live_by_match_key(key);
}

Result<std::vector<RequestRow>> SqliteStore::by_action_id(std::string_view tenant, const ActionId &id) {
  return requests_.by_action_id(tenant, id);
}

Result<std::vector<RequestRow>> SqliteStore::live_on_device(std::string_view tenant, const MachineId &machine) {
  return requests_.live_on_device(tenant, machine);
}

Result<bool> SqliteStore::is_sending_other(std::string_view tenant, const MachineId &machine, const RequestId &id) {
  return requests_.is_sending_other(tenant, machine, id);
}

Result<std::optional<RequestRow>> SqliteStore::newest_sent(std::string_view tenant, const MachineId &machine,
                                                           std::string_view operation) {
  return requests_.newest_sent(tenant, machine, operation);
}

Result<std::vector<RequestRow>> SqliteStore::in_flight_rows(std::string_view tenant, const RequestId &after,
                                                            std::size_t limit) {
  return requests_.in_flight_rows(tenant, after, limit);
}

Result<std::vector<Change>> SqliteStore::changes_after(std::int64_t cursor, std::size_t limit) {
  return journal_.changes_after(cursor, limit);
}

Result<std::vector<std::string>> SqliteStore::clients() {
  return texts_of(clients_.query());
}

Result<void> SqliteStore::bury(std::string_view client, BootTime now) {
  return writing()
      .and_then([&] { return quota_.bury(client, now); })
      .and_then([&] { return drop_leases_.run(client); })
      .and_then([&] { return leave_client_.run(client); });
}

Result<Lease> SqliteStore::take_lease(std::string_view name, BootTime now, BootTime until) {
  {
    Rows rows = lease_.query(name);
    const auto found = rows.next();
    if (!found) return tl::unexpected(found.error());
    if (*found && rows.text(0) != peers_.self() && rows.text(1) == boot_id_) {
      const BootTime held_until{nanoseconds(rows.integer(2))};
      if (held_until > now && peers_.is_alive(rows.text(0))) return Lease(false, held_until);
    }
  }
  return writing()
      .and_then([&] {
        return put_lease_.run(name, std::string_view(peers_.self()), std::string_view(boot_id_),
                              until.time_since_epoch().count());
      })
      .map([&] { return Lease(true, until); });
}

Result<QuotaAnswer> SqliteStore::quota_take(std::string_view key, const QuotaWindows &windows, bool privileged,
                                            BootTime now) {
  return writing().and_then([&] { return quota_.take(key, windows, privileged, now); });
}

Result<void> SqliteStore::quota_end(std::int64_t slot, BootTime ended) {
  return writing().and_then([&] { return quota_.end(slot, ended); });
}

Result<void> SqliteStore::quota_cool(std::string_view key, BootTime now, BootTime until) {
  return writing().and_then([&] { return quota_.cool(key, now, until); });
}

Result<QuotaUsage> SqliteStore::quota_usage(std::string_view key, const QuotaWindows &windows, BootTime now) {
  return quota_.usage(key, windows, now);
}

Result<void> SqliteStore::put_token(std::string_view fingerprint, const TokenRow &token) {
  return writing().and_then(
      [&] { return put_token_.run(fingerprint, Blob(token.sealed), token.expires.unix_ticks()); });
}

Result<std::optional<TokenRow>> SqliteStore::get_token(std::string_view fingerprint) {
  Rows rows = get_token_.query(fingerprint);
  return rows.next().map([&](bool found) {
    return found ? std::optional(TokenRow(rows.text(0), UtcTicks::from_unix_ticks(rows.integer(1)))) : std::nullopt;
  });
}

Result<void> SqliteStore::erase_token(std::string_view fingerprint) {
  return writing().and_then([&] { return erase_token_.run(fingerprint); });
}

Result<std::vector<KeyWrap>> SqliteStore::key_wraps() {
  Rows rows = wraps_.query();
  std::vector<KeyWrap> wraps;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return wraps;
    wraps.emplace_back(rows.integer(0), rows.text(1), rows.text(2));
  }
}

Result<void> SqliteStore::put_key_wrap(const KeyWrap &wrap) {
  return writing().and_then([&] { return put_wrap_.run(wrap.key_id, std::string_view(wrap.name), Blob(wrap.sealed)); });
}

Result<void> SqliteStore::erase_key_wrap(std::int64_t key_id, std::string_view name) {
  return writing().and_then([&] { return erase_wrap_.run(key_id, name); });
}

Result<std::optional<std::string>> SqliteStore::get_meta(std::string_view name) {
  Rows rows = get_meta_.query(name);
  return rows.next().map([&](bool found) { return found ? std::optional(rows.text(0)) : std::nullopt; });
}

Result<void> SqliteStore::put_meta(std::string_view name, std::string_view value) {
  return writing().and_then([&] { return put_meta_.run(name, value); });
}

Result<void> SqliteStore::erase_meta(std::string_view name) {
  return writing().and_then([&] { return erase_meta_.run(name); });
}

}  // namespace cordon::ledger

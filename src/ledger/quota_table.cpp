#include "ledger/quota_table.hpp"

#include <algorithm>

namespace cordon::ledger {
namespace {

// Each grant may also clear away so many slots that count no longer: more than it adds, so the table stays small.
constexpr int kPurgePerGrant = 4;

std::int64_t count(BootTime time) {
  return time.time_since_epoch().count();
}

BootTime boot_time(std::int64_t count) {
  return BootTime(nanoseconds(count));
}

}  // namespace

QuotaTable::QuotaTable(Database &db, std::string owner, std::string boot_id)
    : db_(db),
      owner_(std::move(owner)),
      boot_id_(std::move(boot_id)),
      find_key_(db, "SELECT key_id, cool_until FROM quota_keys WHERE key = ?"),
      add_key_(db, "INSERT INTO quota_keys (key, boot_id, cooled, cool_until) VALUES (?, ?, 0, 0) RETURNING key_id"),
      load_slots_(db, "SELECT slot, ended FROM quota_slots WHERE key_id = ? ORDER BY ended"),
      grant_(db, "INSERT INTO quota_slots (key_id, owner, boot_id, granted) VALUES (?, ?, ?, ?)"),
      end_(db, "UPDATE quota_slots SET ended = ?2 WHERE slot = ?1 AND ended IS NULL RETURNING key_id"),
      cool_(db,
            "UPDATE quota_keys SET boot_id = ?2, cooled = ?3, cool_until = ?4 WHERE key_id = ?1 AND cool_until < ?4"),
      delete_(db, "DELETE FROM quota_slots WHERE slot = ?") {}

Result<void> QuotaTable::take_over(BootTime now) {
  Statement rebooted(db_, "UPDATE quota_slots SET boot_id = ?1, ended = ?2 WHERE boot_id <> ?1");
  Statement died(db_, "UPDATE quota_slots SET ended = ?1 WHERE ended IS NULL OR ended > ?1");
  // How long is left of a cooling is not known after a reboot: it begins again.
  Statement cooling(db_,
                    "UPDATE quota_keys SET boot_id = ?1, cool_until = ?2 + (cool_until - cooled), cooled = ?2"
                    " WHERE boot_id <> ?1 AND cool_until > 0");
  Statement cooled(db_, "UPDATE quota_keys SET boot_id = ?1 WHERE boot_id <> ?1");
  forget_all();
  return rebooted.run(std::string_view(boot_id_), count(now))
      .and_then([&] { return died.run(count(now + kQuotaLinger)); })
      .and_then([&] { return cooling.run(std::string_view(boot_id_), count(now)); })
      .and_then([&] { return cooled.run(std::string_view(boot_id_)); });
}

Result<QuotaTable::Book *> QuotaTable::book(std::string_view key) {
  if (const auto known = books_.find(key); known != books_.end()) return &known->second;
  Rows keys = find_key_.query(key);
  const auto found = keys.next();
  if (!found) return tl::unexpected(found.error());
  Book book(*found ? keys.integer(0) : 0);
  if (*found) {
    if (keys.integer(1) != 0) book.slots.cool(boot_time(keys.integer(1)));
    Rows slots = load_slots_.query(book.key_id);
    for (;;) {
      const auto more = slots.next();
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      if (slots.is_null(1))
        book.slots.add_open(slots.integer(0));
      else
        book.slots.add_ended(slots.integer(0), boot_time(slots.integer(1)));
    }
  }
  return &books_.emplace(std::string(key), std::move(book)).first->second;
}

Result<void> QuotaTable::ensure_key(std::string_view key, Book &book) {
  if (book.key_id != 0) return {};
  Rows rows = add_key_.query(key, std::string_view(boot_id_));
  return rows.next().map([&](bool) { book.key_id = rows.integer(0); });
}

Result<void> QuotaTable::purge(const QuotaWindows &windows, BootTime now, Book &book) {
  nanoseconds longest{};
  for (const QuotaWindow &window : windows) longest = std::max(longest, window.length);
  for (int i = 0; i < kPurgePerGrant; ++i) {
    const auto slot = book.slots.forget_one(now - longest);
    if (!slot) break;
    if (auto gone = delete_.run(*slot); !gone) return gone;
  }
  return {};
}

Result<QuotaAnswer> QuotaTable::take(std::string_view key, const QuotaWindows &windows, BootTime now) {
  const auto found = book(key);
  if (!found) return tl::unexpected(found.error());
  Book &book = **found;
  if (const auto again = book.slots.wait(windows, now)) return QuotaAnswer(0, *again);
  auto granted = ensure_key(key, book);
  mark(book.key_id);
  if (granted) granted = purge(windows, now, book);
  if (granted) granted = grant_.run(book.key_id, std::string_view(owner_), std::string_view(boot_id_), count(now));
  if (!granted) return tl::unexpected(std::move(granted.error()));
  const std::int64_t slot = sqlite3_last_insert_rowid(db_.handle());
  book.slots.add_open(slot);
  return QuotaAnswer(slot, now);
}

Result<void> QuotaTable::end(std::int64_t slot, BootTime ended) {
  Rows rows = end_.query(slot, count(ended));
  const auto found = rows.next();
  if (!found) return tl::unexpected(found.error());
  if (!*found) return {};
  const std::int64_t key_id = rows.integer(0);
  mark(key_id);
  for (auto &[key, book] : books_)
    if (book.key_id == key_id) book.slots.end(slot, ended);
  return rows.next().map([](bool) {});
}

Result<void> QuotaTable::cool(std::string_view key, BootTime now, BootTime until) {
  const auto found = book(key);
  if (!found) return tl::unexpected(found.error());
  auto cooled = ensure_key(key, **found);
  mark((*found)->key_id);
  if (cooled) cooled = cool_.run((*found)->key_id, std::string_view(boot_id_), count(now), count(until));
  if (cooled) (*found)->slots.cool(until);
  return cooled;
}

Result<QuotaUsage> QuotaTable::usage(std::string_view key, const QuotaWindows &windows, BootTime now) {
  const auto found = book(key);
  if (!found) return tl::unexpected(found.error());
  const SlotBook &slots = (*found)->slots;
  QuotaUsage usage;
  for (const QuotaWindow &window : windows) usage.windows.emplace_back(window, slots.used(window, now));
  usage.open = slots.open();
  usage.cool_until = slots.cool_until();
  usage.again = slots.wait(windows, now).value_or(now);
  return usage;
}

void QuotaTable::take_back() {
  for (const std::int64_t key_id : changed_)
    std::erase_if(books_, [key_id](const auto &entry) { return entry.second.key_id == key_id; });
  changed_.clear();
}

}  // namespace cordon::ledger

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
      find_key_(db, "SELECT key_id, cool_until, change FROM quota_keys WHERE key = ?"),
      add_key_(db,
               "INSERT INTO quota_keys (key, boot_id, cooled, cool_until, change) VALUES (?, ?, 0, 0, 0)"
               " RETURNING key_id"),
      count_change_(db, "UPDATE quota_keys SET change = change + 1 WHERE key_id = ? RETURNING change"),
      changed_slots_(db, "SELECT slot, ended FROM quota_slots WHERE key_id = ? AND change > ? ORDER BY ended"),
      key_of_(db,
              "SELECT key FROM quota_keys WHERE key_id ="
              " (SELECT key_id FROM quota_slots WHERE slot = ? AND ended IS NULL)"),
      grant_(db, "INSERT INTO quota_slots (key_id, owner, boot_id, granted, change) VALUES (?, ?, ?, ?, ?)"),
      end_(db, "UPDATE quota_slots SET ended = ?2, change = ?3 WHERE slot = ?1"),
      cool_(db,
            "UPDATE quota_keys SET boot_id = ?2, cooled = ?3, cool_until = ?4 WHERE key_id = ?1 AND cool_until < ?4"),
      delete_(db, "DELETE FROM quota_slots WHERE slot = ?1 AND ended <= ?2") {}

Result<void> QuotaTable::leave_earlier_boots(BootTime now) {
  Statement rebooted(db_, "UPDATE quota_slots SET boot_id = ?1, ended = ?2 WHERE boot_id <> ?1");
  // How long is left of a cooling is not known after a reboot: it begins again.
  Statement cooling(db_,
                    "UPDATE quota_keys SET boot_id = ?1, cool_until = ?2 + (cool_until - cooled), cooled = ?2"
                    " WHERE boot_id <> ?1 AND cool_until > 0");
  Statement cooled(db_, "UPDATE quota_keys SET boot_id = ?1 WHERE boot_id <> ?1");
  forget_all();
  return rebooted.run(std::string_view(boot_id_), count(now))
      .and_then([&] { return cooling.run(std::string_view(boot_id_), count(now)); })
      .and_then([&] { return cooled.run(std::string_view(boot_id_)); });
}

Result<void> QuotaTable::bury(std::string_view owner, BootTime now) {
  Statement open(db_, "SELECT slot FROM quota_slots WHERE owner = ? AND ended IS NULL");
  std::vector<std::int64_t> slots;
  {
    Rows rows = open.query(owner);
    for (;;) {
      const auto more = rows.next();
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      slots.push_back(rows.integer(0));
    }
  }
  for (const std::int64_t slot : slots)
    if (auto ended = end(slot, now + kQuotaLinger); !ended) return ended;
  return {};
}

Result<QuotaTable::Book *> QuotaTable::book(std::string_view key) {
  auto known = books_.find(key);
  if (known == books_.end()) known = books_.emplace(std::string(key), Book()).first;
  if (known->second.epoch != epoch_)
    if (auto fresh = refresh(key, known->second); !fresh) return tl::unexpected(std::move(fresh.error()));
  return &known->second;
}

/// Reads what has changed since the book was last looked at; at first, everything.
Result<void> QuotaTable::refresh(std::string_view key, Book &book) {
  Rows keys = find_key_.query(key);
  const auto found = keys.next();
  if (!found) return tl::unexpected(found.error());
  if (*found) {
    book.key_id = keys.integer(0);
    if (keys.integer(1) != 0) book.slots.cool(boot_time(keys.integer(1)));
    const std::int64_t change = keys.integer(2);
    Rows slots = changed_slots_.query(book.key_id, book.change);
    for (;;) {
      const auto more = slots.next();
      if (!more) return tl::unexpected(more.error());
      if (!*more) break;
      if (slots.is_null(1))
        book.slots.add_open(slots.integer(0));
      else
        book.slots.put_ended(slots.integer(0), boot_time(slots.integer(1)));
    }
    book.change = change;
  }
  book.epoch = epoch_;
  return {};
}

Result<void> QuotaTable::ensure_key(std::string_view key, Book &book) {
  if (book.key_id != 0) return {};
  Rows rows = add_key_.query(key, std::string_view(boot_id_));
  return rows.next().map([&](bool) { book.key_id = rows.integer(0); });
}

Result<void> QuotaTable::count_change(Book &book) {
  mark(book.key_id);
  Rows rows = count_change_.query(book.key_id);
  return rows.next().map([&](bool) { book.change = rows.integer(0); });
}

Result<void> QuotaTable::purge(const QuotaWindows &windows, BootTime now, Book &book) {
  nanoseconds longest{};
  for (const QuotaWindow &window : windows) longest = std::max(longest, window.length);
  for (int i = 0; i < kPurgePerGrant; ++i) {
    const auto slot = book.slots.forget_one(now - longest);
    if (!slot) break;
    // Another client may have cleared it away already, and its number may be a new slot's by now.
    if (auto gone = delete_.run(*slot, count(now - longest)); !gone) return gone;
  }
  return {};
}

Result<QuotaAnswer> QuotaTable::take(std::string_view key, const QuotaWindows &windows, bool privileged, BootTime now) {
  const auto found = book(key);
  if (!found) return tl::unexpected(found.error());
  Book &book = **found;
  if (const auto again = book.slots.wait(windows, privileged, now)) return QuotaAnswer(0, *again);
  auto granted = ensure_key(key, book);
  if (granted) granted = count_change(book);
  if (granted) granted = purge(windows, now, book);
  if (granted)
    granted = grant_.run(book.key_id, std::string_view(owner_), std::string_view(boot_id_), count(now), book.change);
  if (!granted) return tl::unexpected(std::move(granted.error()));
  const std::int64_t slot = sqlite3_last_insert_rowid(db_.handle());
  book.slots.add_open(slot);
  return QuotaAnswer(slot, now);
}

Result<void> QuotaTable::end(std::int64_t slot, BootTime ended) {
  std::string key;
  {
    Rows rows = key_of_.query(slot);
    const auto found = rows.next();
    if (!found) return tl::unexpected(found.error());
    if (!*found) return {};
    key = rows.text(0);
  }
  const auto known = book(key);
  if (!known) return tl::unexpected(known.error());
  return count_change(**known).and_then([&] { return end_.run(slot, count(ended), (*known)->change); }).map([&] {
    (*known)->slots.put_ended(slot, ended);
  });
}

Result<void> QuotaTable::cool(std::string_view key, BootTime now, BootTime until) {
  const auto found = book(key);
  if (!found) return tl::unexpected(found.error());
  auto cooled = ensure_key(key, **found);
  if (cooled) cooled = count_change(**found);
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
  usage.again = slots.wait(windows, false, now).value_or(now);
  return usage;
}

void QuotaTable::take_back() {
  for (const std::int64_t key_id : changed_)
    std::erase_if(books_, [key_id](const auto &entry) { return entry.second.key_id == key_id; });
  changed_.clear();
}

}  // namespace cordon::ledger

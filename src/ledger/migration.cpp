#include "ledger/migration.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace cordon::ledger {
namespace {

constexpr const char *kNumberInMeta = "SELECT value FROM meta WHERE name = ?";

/// INT64_MAX: it is not there, or no number.
Result<std::int64_t> read_number(Statement &number_in_meta, std::string_view name) {
  Rows rows = number_in_meta.query(name);
  return rows.next().map([&](bool found) { return found ? parse_int(rows.text(0)).value_or(INT64_MAX) : INT64_MAX; });
}

Result<void> put_number(Database &db, std::string_view name, std::int64_t value) {
  Statement put(db,
                "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
  const std::string text = std::to_string(value);
  return put.run(name, std::string_view(text));
}

}  // namespace

Result<void> in_transaction(Database &db, const std::function<Result<void>()> &work) {
  auto done = db.execute("BEGIN IMMEDIATE").and_then(work).and_then([&] { return db.execute("COMMIT"); });
  if (!done && db.in_transaction()) sqlite3_exec(db.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Result<std::int64_t> schema_version(Database &db) {
  Statement tables(db, "SELECT 1 FROM sqlite_schema WHERE name = 'meta'");
  Rows rows = tables.query();
  const auto found = rows.next();
  if (!found) return tl::unexpected(found.error());
  if (!*found) return 0;
  Statement number(db, kNumberInMeta);
  return read_number(number, "schema");
}

Result<void> apply(Database &db, const Migration &step) {
  const auto schema = schema_version(db);
  if (!schema) return tl::unexpected(schema.error());
  if (*schema >= step.version) return {};
  return db.execute(step.sql)
      .and_then([&] { return step.fill ? step.fill(db) : Result<void>(); })
      .and_then([&] { return put_number(db, "schema", step.version); })
      .and_then([&] { return put_number(db, "min_reader", step.min_reader); })
      .and_then([&] { return put_number(db, "min_writer", step.min_writer); });
}

Result<void> migrate(Database &db, const Migrations &steps) {
  const auto schema = schema_version(db);
  if (!schema) return tl::unexpected(schema.error());
  for (const Migration &step : steps) {
    if (step.version <= *schema) continue;
    if (auto done = in_transaction(db, [&] { return apply(db, step); }); !done) return done;
  }
  return {};
}

VersionBounds::VersionBounds(Database &db) : db_(db), number_in_meta_(db, kNumberInMeta) {}

Result<void> VersionBounds::check(std::int64_t newest) {
  for (const char *bound : {"min_reader", "min_writer"}) {
    const auto least = read_number(number_in_meta_, bound);
    if (!least) return tl::unexpected(least.error());
    if (*least > newest)
      return fail(Status::Ledger,
                  fmt::format("the ledger {} was written by a newer release ({} {}; this one is {}); use "
                              "that release, or a state_dir of its own for this one",
                              db_.path(), bound, *least, newest));
  }
  return {};
}

}  // namespace cordon::ledger

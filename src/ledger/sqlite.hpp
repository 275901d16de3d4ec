#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace cordon::ledger {

/// A transaction of another client takes a fraction of a millisecond; one that is stopped in the middle of it, or an
/// operator's shell, may take for ever.
constexpr std::chrono::seconds kLockPatience{5};

/// Refuses a SQLite that may not be used by several threads, each with a connection of its own: so built, or so set by
/// the host.
Result<void> check_sqlite_threads();

/// One SQLite connection, used by one thread at a time.
class Database {
 public:
  /// Opens a file that exists. A lock that another client holds is waited for up to kLockPatience. `vfs`: SQLite's name
  /// of the file system.
  static Result<std::unique_ptr<Database>> open(const std::string &path, const char *vfs = "unix");
  ~Database();
  Database(const Database &) = delete;
  Database &operator=(const Database &) = delete;

  /// Runs statements that return nothing of interest. `sql` is ours.
  Result<void> execute(const char *sql);
  sqlite3 *handle() const noexcept { return handle_; }
  const std::string &path() const noexcept { return path_; }
  int changes() const noexcept { return sqlite3_changes(handle_); }
  bool in_transaction() const noexcept { return sqlite3_get_autocommit(handle_) == 0; }

  /// The error SQLite reported last, in words. Every error but a broken constraint is remembered as failed().
  Error error();
  /// The storage failed since reset_failure(): no closure may count on what it wrote.
  const std::optional<Error> &failure() const noexcept { return failure_; }
  void reset_failure() noexcept { failure_.reset(); }

 private:
  explicit Database(std::string path) : path_(std::move(path)) {}
  int system_error() const noexcept;
  static int on_busy(void *self, int tries);

  std::string path_;
  sqlite3 *handle_ = nullptr;
  std::optional<Error> failure_;
  std::chrono::steady_clock::time_point busy_since_;
};

/// Bytes, as opposed to text.
struct Blob {
  explicit Blob(std::string_view bytes_) : bytes(bytes_) {}
  std::string_view bytes;
};

/// The rows of one execution; the statement is reset when they go. Bound texts must live as long.
class Rows {
 public:
  explicit Rows(Database &db, sqlite3_stmt *statement) : db_(db), statement_(statement) {}
  ~Rows() {
    if (statement_ != nullptr) sqlite3_reset(statement_);
  }
  Rows(Rows &&other) noexcept : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)) {}
  Rows(const Rows &) = delete;
  Rows &operator=(const Rows &) = delete;

  /// True: there is a row.
  Result<bool> next();
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const;  ///< of a text or a blob
  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  Database &db_;
  sqlite3_stmt *statement_;  // nullptr: could not be prepared
};

/// A prepared statement, prepared at its first use and kept.
class Statement {
 public:
  Statement(Database &db, std::string sql) : db_(db), sql_(std::move(sql)) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement &) = delete;
  Statement &operator=(const Statement &) = delete;

  /// Binds the arguments in order.
  template <class... Args>
  Rows query(const Args &...args) {
    if (!prepare()) return Rows(db_, nullptr);
    int place = 0;
    (bind(++place, args), ...);
    return Rows(db_, statement_);
  }
  /// Runs it to its end.
  template <class... Args>
  Result<void> run(const Args &...args) {
    Rows rows = query(args...);
    for (;;) {
      auto more = rows.next();
      if (!more) return tl::unexpected(std::move(more.error()));
      if (!*more) return {};
    }
  }

 private:
  bool prepare();
  void bind(int place, std::int64_t value) { sqlite3_bind_int64(statement_, place, value); }
  void bind(int place, std::string_view text) {
    sqlite3_bind_text64(statement_, place, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
  }
  void bind(int place, const Blob &blob) {
    sqlite3_bind_blob64(statement_, place, blob.bytes.data() == nullptr ? "" : blob.bytes.data(), blob.bytes.size(),
                        SQLITE_STATIC);
  }
  template <class T>
  void bind(int place, const std::optional<T> &value) {
    if (value)
      bind(place, *value);
    else
      sqlite3_bind_null(statement_, place);
  }

  Database &db_;
  std::string sql_;
  sqlite3_stmt *statement_ = nullptr;
};

/// The first column of all rows that are left.
Result<std::vector<std::string>> texts_of(Rows rows);

/// NULL for an empty text.
inline std::optional<std::string_view> text_or_sql_null(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace cordon::ledger

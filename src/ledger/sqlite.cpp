#include "ledger/sqlite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <thread>

#include "base/open_file.hpp"
#include "base/system_reason.hpp"

namespace cordon::ledger {
namespace {

constexpr const char *kNoSpace =
    "no space is left for it (or the user's quota or the file size limit is reached); make room, nothing was recorded";

/// Reason and remedy for an error code of SQLite.
std::string reason(int code, int system_error, const char *text) {
  const bool full = system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
  switch (code & 0xff) {
    case SQLITE_FULL:
      return kNoSpace;
    case SQLITE_READONLY:
      return "it is read-only for this process; give its user write access to the directory and all files in it";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fmt::format(
          "another process has held its lock for more than {} s; continue or end a stopped host, close whatever else "
          "has "
          "the file open",
          kLockPatience.count());
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return fmt::format(
          "the file is damaged ({}); stop every host that uses it, keep a copy, and restore the directory "
          "from a backup or move it away to begin a new ledger",
          text);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return fmt::format("it can't be opened ({}); check the access rights of the directory and of all files in it",
                         system_error != 0 ? system_reason(system_error) : text);
    case SQLITE_IOERR:
      if (full) return kNoSpace;
      return fmt::format("reading or writing failed ({}); check the disk and the system's log",
                         system_error != 0 ? system_reason(system_error) : text);
    default:
      if (std::string_view(text).starts_with("automatic extension loading failed"))
        return fmt::format("{}; the host has registered one by sqlite3_auto_extension that refuses this connection",
                           text);
      return fmt::format("SQLite says: {} (code {})", text, code);
  }
}

/// Whether SQLite locks anything at all: sqlite3_threadsafe() tells how it was built, not how the host has set it.
/// Without locks every mutex is the same placeholder.
bool has_mutexes() {
  const auto make = [] {
    return std::unique_ptr<sqlite3_mutex, decltype(&sqlite3_mutex_free)>(sqlite3_mutex_alloc(SQLITE_MUTEX_FAST),
                                                                         &sqlite3_mutex_free);
  };
  const auto one = make();
  const auto another = make();
  if (one == nullptr || another == nullptr) throw std::bad_alloc();
  return one != another;
}

/// What an extension that the host has put into every connection of the process may have left in this one.
void disown(sqlite3 *db) {
  sqlite3_set_authorizer(db, nullptr, nullptr);
  sqlite3_progress_handler(db, 0, nullptr, nullptr);
  sqlite3_commit_hook(db, nullptr, nullptr);
  sqlite3_rollback_hook(db, nullptr, nullptr);
  sqlite3_update_hook(db, nullptr, nullptr);
  sqlite3_trace_v2(db, 0, nullptr, nullptr);
}

}  // namespace

Result<void> check_sqlite_threads() {
  if (sqlite3_threadsafe() == 0)
    return fail(Status::NotSupported,
                "the SQLite library of this system was built without threads; the ledger needs them");
  if (!has_mutexes())
    return fail(Status::Ledger,
                "SQLite is set to SQLITE_CONFIG_SINGLETHREAD in this process, and the ledger works on a thread of its "
                "own; let the host set SQLITE_CONFIG_MULTITHREAD or nothing");
  return {};
}

Result<std::unique_ptr<Database>> Database::open(const std::string &path, const char *vfs) {
  const StandardDescriptorsHeld held;
  std::unique_ptr<Database> db(new Database(path));
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  if (sqlite3_open_v2(path.c_str(), &db->handle_, flags, vfs) != SQLITE_OK) {
    if (db->handle_ == nullptr) throw std::bad_alloc();
    return fail(db->error());
  }
  disown(db->handle_);
  sqlite3_busy_handler(db->handle_, on_busy, db.get());
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db->handle_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  return db;
}

/// SQLite's own waiting is too coarse for transactions as short as ours.
int Database::on_busy(void *self, int tries) {
  Database &db = *static_cast<Database *>(self);
  const auto now = std::chrono::steady_clock::now();
  if (tries == 0) db.busy_since_ = now;
  if (now - db.busy_since_ >= kLockPatience) return 0;
  std::this_thread::sleep_for(std::chrono::microseconds(std::min(100 * (tries + 1), 1'000)));
  return 1;
}

Database::~Database() {
  const StandardDescriptorsHeld held;
  sqlite3_close_v2(handle_);
}

Result<void> Database::execute(const char *sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return fail(error());
  return {};
}

int Database::system_error() const noexcept {
  const int known = sqlite3_system_errno(handle_);
  if (known != 0) return known;
  // SQLite does not pass the reason on for a failed write to the WAL, but the WAL's file knows it.
  sqlite3_file *wal = nullptr;
  int reason = 0;
  if (sqlite3_file_control(handle_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) != SQLITE_OK || wal == nullptr ||
      wal->pMethods == nullptr)
    return 0;
  return wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &reason) == SQLITE_OK ? reason : 0;
}

Error Database::error() {
  const int code = sqlite3_extended_errcode(handle_);
  if ((code & 0xff) == SQLITE_NOMEM) throw std::bad_alloc();
  Error error(Status::Ledger, fmt::format("the ledger {} can't be used: {}", path_,
                                          reason(code, system_error(), sqlite3_errmsg(handle_))));
  error.retryable = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_FULL;
  if ((code & 0xff) != SQLITE_CONSTRAINT) failure_ = error;
  return error;
}

Result<bool> Rows::next() {
  if (statement_ == nullptr) return fail(db_.error());
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return fail(db_.error());
  }
}

std::string Rows::text(int column) const {
  const void *bytes = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char *>(bytes), size);
}

Result<std::vector<std::string>> texts_of(Rows rows) {
  std::vector<std::string> texts;
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return texts;
    texts.push_back(rows.text(0));
  }
}

bool Statement::prepare() {
  if (statement_ != nullptr) return true;
  return sqlite3_prepare_v3(db_.handle(), sql_.data(), static_cast<int>(sql_.size()), SQLITE_PREPARE_PERSISTENT,
                            &statement_, nullptr) == SQLITE_OK;
}

}  // namespace cordon::ledger

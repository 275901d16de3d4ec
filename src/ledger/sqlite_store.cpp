#include "ledger/sqlite_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/ids.hpp"
#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "ledger/migration.hpp"
#include "ledger/sqlite_schema.hpp"

namespace cordon::ledger {
namespace {

// The WAL is copied back when nobody waits and it has so many pages; at four times that, in any case.
constexpr int kCheckpointPages = 1000;
constexpr int kLargeWalPages = 4 * kCheckpointPages;

/// Makes the file, mode 0600, before SQLite opens it. Afterwards it must not be opened and closed by anybody else in
/// the process: that would drop SQLite's locks.
Result<void> make_file(const std::string &path) {
  const int fd = open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd >= 0) return ::close(fd), Result<void>();
  if (errno != EEXIST)
    return fail(Status::Ledger, fmt::format("the ledger {} can't be made: {}; check the disk and the access rights of "
                                            "its directory",
                                            path, system_reason(errno)));
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
    return fail(Status::Ledger, fmt::format("the ledger {} is not a plain file; move it away", path));
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return fail(Status::Ledger,
                fmt::format("the ledger {} is open to others or not yours; it must be mode 0600 and owned by user {}",
                            path, ::geteuid()));
  return {};
}

/// Which file this is; 0: there is none, or the storage has no files.
ino_t inode_of(const std::string &path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

SqliteStore::SqliteStore(std::unique_ptr<Database> db, std::unique_ptr<HeadFile> head, Peers &peers,
                         const Keyring &keyring, const Clock &clock)
    : db_(std::move(db)),
      head_(std::move(head)),
      peers_(peers),
      boot_id_(clock.boot_id()),
      keyring_(keyring),
      wal_path_(db_->path() + "-wal"),
      directory_path_(db_->path().substr(0, db_->path().rfind('/'))),
      clock_(clock),
      journal_(*db_, keyring, peers.self()),
      requests_(*db_),
      quota_(*db_, peers.self(), clock.boot_id()),
      begin_read_(*db_, "BEGIN"),
      begin_write_(*db_, "BEGIN IMMEDIATE"),
      savepoint_sql_(*db_, "SAVEPOINT closure"),
      release_(*db_, "RELEASE closure"),
      rollback_to_(*db_, "ROLLBACK TO closure"),
      commit_(*db_, "COMMIT"),
      version_of_(*db_, "PRAGMA data_version"),
      bounds_(*db_),
      put_token_(*db_,
                 "INSERT INTO tokens (fingerprint, sealed, expires_at) VALUES (?, ?, ?)"
                 " ON CONFLICT (fingerprint) DO UPDATE SET sealed = excluded.sealed,"
                 " expires_at = excluded.expires_at"),
      get_token_(*db_, "SELECT sealed, expires_at FROM tokens WHERE fingerprint = ?"),
      erase_token_(*db_, "DELETE FROM tokens WHERE fingerprint = ?"),
      wraps_(*db_, "SELECT key_id, wrap, sealed FROM ledger_keys ORDER BY rowid"),
      put_wrap_(*db_,
                "INSERT INTO ledger_keys (key_id, wrap, sealed) VALUES (?, ?, ?)"
                " ON CONFLICT (key_id, wrap) DO UPDATE SET sealed = excluded.sealed"),
      erase_wrap_(*db_, "DELETE FROM ledger_keys WHERE key_id = ? AND wrap = ?"),
      get_meta_(*db_, "SELECT value FROM meta WHERE name = ?"),
      put_meta_(*db_,
                "INSERT INTO meta (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
      erase_meta_(*db_, "DELETE FROM meta WHERE name = ?"),
      clients_(*db_, "SELECT owner FROM clients"),
      enter_client_(*db_, "INSERT INTO clients (owner) VALUES (?)"),
      leave_client_(*db_, "DELETE FROM clients WHERE owner = ?"),
      lease_(*db_, "SELECT owner, boot_id, until FROM leases WHERE name = ?"),
      put_lease_(*db_,
                 "INSERT INTO leases (name, owner, boot_id, until) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE"
                 " SET owner = excluded.owner, boot_id = excluded.boot_id, until = excluded.until"),
      drop_leases_(*db_, "DELETE FROM leases WHERE owner = ?") {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(StateDir &directory, const Keyring &keyring, const Clock &clock,
                                                       Random &random) {
  if (auto safe = check_sqlite_threads(); !safe) return tl::unexpected(std::move(safe.error()));
  const StandardDescriptorsHeld held;  // SQLite opens its other files at the first use, below
  const std::string path = directory.file("ledger.db");
  if (auto made = make_file(path); !made) return tl::unexpected(std::move(made.error()));
  auto db = Database::open(path);
  if (!db) return tl::unexpected(std::move(db.error()));
  auto head = HeadFile::open(directory.file("ledger.head"));
  if (!head) return tl::unexpected(std::move(head.error()));
  return open(std::move(*db), std::move(*head), directory, keyring, clock, random);
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(std::unique_ptr<Database> db, std::unique_ptr<HeadFile> head,
                                                       Peers &peers, const Keyring &keyring, const Clock &clock,
                                                       Random &random) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(db), std::move(head), peers, keyring, clock));
  return store->configure()
      .and_then([&] { return prepare_schema(*store->db_, make_request_id(random).str()); })
      .and_then([&] { return store->arrive(clock); })
      .map([&] { return std::move(store); });
}

Result<void> SqliteStore::configure() {
  Statement mode(*db_, "PRAGMA journal_mode = WAL");
  Rows rows = mode.query();
  const auto answered = rows.next();
  if (!answered) return tl::unexpected(answered.error());
  if (rows.text(0) != "wal")
    return fail(Status::Ledger, fmt::format("the ledger {} can't be switched to a write-ahead log; name a state_dir on "
                                            "another file system",
                                            db_->path()));
  sqlite3_wal_hook(
      db_->handle(),
      [](void *self, sqlite3 *, const char *, int pages) {
        static_cast<SqliteStore *>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  sqlite3_db_config(db_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);  // until ending() knows better
  return db_->execute(
      "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; "
      "PRAGMA mmap_size = 0");
}

Result<void> SqliteStore::arrive(const Clock &clock) {
  auto arrived = begin(Durability::Process)
                     .and_then([&] { return enter(true); })
                     .and_then([&] { return writing(); })
                     .and_then([&] { return quota_.leave_earlier_boots(clock.now()); })
                     .and_then([&] { return clients(); })
                     .and_then([&](const std::vector<std::string> &others) -> Result<void> {
                       for (const std::string &other : others)
                         if (!peers_.is_alive(other))
                           if (auto buried = bury(other, clock.now()); !buried) return buried;
                       return enter_client_.run(std::string_view(peers_.self()));
                     })
                     .and_then([&] { return get_meta("ledger_id"); })
                     .and_then([&](const std::optional<std::string> &id) {
                       ledger_id_ = id.value_or("");
                       journal_.set_ledger_id(ledger_id_);
                       return leave(true);
                     })
                     .and_then([&] { return commit(); });
  if (!arrived) return rollback(), arrived;
  wal_ = inode_of(wal_path_);
  version_ = -1;  // count the clients again
  if (journal_.tail().sequence == 0 && !head_->read()) {
    head_->write(ledger_id_, 0, journal_.tail().mac);
    head_->sync();
  }
  return {};
}

Result<void> SqliteStore::begin(Durability durability) {
  durability_ = durability;
  db_->reset_failure();
  auto begun = durability == Durability::Read
                   ? begin_read_.run()
                   : set_synchronous(durability == Durability::Full).and_then([&] { return begin_write_.run(); });
  return begun.and_then([&] { return expect_own_wal(); }).and_then([&] { return notice_other_writers(); });
}

/// Not once another program has removed it: what lies under its name since then is another client's.
bool SqliteStore::has_own_wal() const noexcept {
  return wal_ == 0 || inode_of(wal_path_) == wal_;
}

/// SQLite itself would go on writing where nobody reads.
Result<void> SqliteStore::expect_own_wal() {
  if (has_own_wal()) return {};
  return fail(
      Status::Ledger,
      fmt::format("the write-ahead log {} was removed while it was in use, as happens when another program uses "
                  "the ledger after code of this process has opened and closed its files; nothing was recorded: "
                  "end all clients of this process and open new ones, and copy the ledger from another process",
                  wal_path_));
}

Result<void> SqliteStore::set_synchronous(bool full) {
  if (full == synchronous_full_) return {};
  return db_->execute(full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL").map([&] {
    synchronous_full_ = full;
  });
}

Result<void> SqliteStore::notice_other_writers() {
  Rows rows = version_of_.query();
  const auto read = rows.next();
  if (!read) return tl::unexpected(read.error());
  if (rows.integer(0) != version_) {
    version_ = rows.integer(0);
    quota_.others_wrote();
    if (auto known = bounds_.check(newest_schema()); !known) return known;
    const auto here = clients();
    if (!here) return tl::unexpected(here.error());
    alone_ = here->size() <= 1;
    if (auto reloaded = journal_.reload(); !reloaded) return reloaded;
    // A journal never gets shorter. If somebody cut it, going on behind what was there leaves a gap for verify to name.
    if (journal_.tail().sequence < committed_.sequence) journal_.set_tail(committed_);
  }
  committed_ = journal_.tail();
  return {};
}

Result<void> SqliteStore::enter(bool writes) {
  writes_ = writes;
  savepoint_ = false;
  entered_ = journal_.tail();
  return {};
}

Result<void> SqliteStore::writing() {
  if (!writes_) return fail(Status::Internal, "a ledger closure that promised only to read tried to write");
  if (savepoint_) return {};
  savepoint_ = true;
  return savepoint_sql_.run();
}

Result<void> SqliteStore::leave(bool keep) {
  if (db_->failure()) return fail(*db_->failure());
  if (!savepoint_) return {};
  if (keep) {
    quota_.keep();
    return release_.run();
  }
  journal_.set_tail(entered_);
  quota_.take_back();
  return rollback_to_.run().and_then([&] { return release_.run(); });
}

Result<void> SqliteStore::commit() {
  const bool appended = journal_.tail().sequence != committed_.sequence;
  if (appended)
    if (auto done = journal_.checkpoint(false, clock_.utc()); !done) return done;
  // Nothing may fail behind the commit, for it can't be taken back: what takes memory comes before.
  Journal::Tail reached = journal_.tail();
  if (auto done = commit_.run(); !done) return done;
  std::swap(committed_, reached);
  appended_ = appended_ || appended;
  if (appended && durability_ == Durability::Full) head_->write(ledger_id_, committed_.sequence, committed_.mac);
  if (appended && !alone_) peers_.ring();
  if (wal_pages_ >= kLargeWalPages) checkpoint();
  return {};
}

void SqliteStore::rollback() noexcept {
  if (db_->in_transaction()) sqlite3_exec(db_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  version_ = -1;  // read anew what is kept in memory
  quota_.forget_all();
}

bool SqliteStore::idle() noexcept {
  if (wal_pages_ >= kCheckpointPages) checkpoint();
  return archive_step();
}

void SqliteStore::ending() noexcept {
  sign_last_records();
  // Whoever SQLite takes for the last one removes the write-ahead log, and it goes by file locks that are lost as soon
  // as the host's own code has closed the ledger's file, as a backup does. The owners' locks can't be lost. It removes
  // by name, and whoever has lost its own log sees none of the clients that have come since.
  sqlite3_db_config(db_->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_own_wal() && is_last() ? 0 : 1, nullptr);
}

bool SqliteStore::is_last() noexcept try {
  const auto here = clients();
  return here && std::none_of(here->begin(), here->end(), [this](const std::string &other) {
           return other != peers_.self() && peers_.is_alive(other);
         });
} catch (...) {
  return false;
}

void SqliteStore::sign_last_records() noexcept {
  if (!appended_) return;
  try {
    const auto done =
        begin(Durability::Process).and_then([&] { return journal_.checkpoint(true, clock_.utc()); }).and_then([&] {
          return commit();
        });
    if (!done) rollback();  // what has no signature is signed by the next checkpoint
  } catch (...) {
    rollback();
  }
}

void SqliteStore::checkpoint() noexcept {
  // Nothing depends on it: what can't be copied back now stays in the WAL. A log that was removed is older than the
  // file.
  if (has_own_wal()) sqlite3_wal_checkpoint_v2(db_->handle(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  wal_pages_ = 0;
}

}  // namespace cordon::ledger

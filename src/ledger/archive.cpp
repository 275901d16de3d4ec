#include "ledger/archive.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "base/text.hpp"
#include "ledger/migration.hpp"

namespace cordon::ledger {
namespace {

constexpr const char *kArchiveTables = R"sql(
CREATE TABLE IF NOT EXISTS meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
  sequence   INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  request_id TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  owner      TEXT NOT NULL,
  body       TEXT NOT NULL,
  key_id     INTEGER NOT NULL,
  mac        BLOB NOT NULL,
  digest     BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS requests (
  id  TEXT PRIMARY KEY,
  row TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::size_t kNameSize = std::string_view("2026-02.db").size();

bool is_archive(std::string_view name) {
  return name.size() == kNameSize && name.substr(7) == ".db" && name[4] == '-';
}

/// The names of the archives, oldest first.
std::vector<std::string> names_in(const std::string &directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR *)> entries(::opendir(directory.c_str()), ::closedir);
  if (entries == nullptr) return names;
  while (const dirent *entry = ::readdir(entries.get()))
    if (is_archive(entry->d_name)) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

Error cannot(const std::string &path, std::string_view what) {
  return Error(Status::Ledger, fmt::format("{} can't be {}: {}; old records stay in the ledger meanwhile", path, what,
                                           system_reason(errno)));
}

/// None: another client has it.
Result<Descriptor> take_lock(const std::string &path) {
  Descriptor file(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (!file) return fail(cannot(path, "opened"));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) == 0) return file;
  if (errno == EAGAIN || errno == EACCES) return Descriptor();
  return fail(cannot(path, "locked"));
}

Result<void> make_archive(const std::string &path) {
  if (!Descriptor(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600))) return fail(cannot(path, "made"));
  return {};
}

Result<std::optional<std::string>> meta(Database &db, std::string_view name) {
  Statement statement(db, "SELECT value FROM meta WHERE name = ?");
  Rows rows = statement.query(name);
  return rows.next().map([&](bool found) { return found ? std::optional(rows.text(0)) : std::nullopt; });
}

Result<void> put_meta(Database &db, std::string_view name, std::string_view value) {
  return Statement(db, "INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)").run(name, value);
}

Result<std::vector<JournalRow>> archived_behind(Database &db, std::int64_t sequence) {
  Statement read(db,
                 fmt::format("SELECT {} FROM journal WHERE sequence > ? ORDER BY sequence LIMIT 500", kJournalColumns));
  std::vector<JournalRow> found;
  Rows rows = read.query(sequence);
  for (;;) {
    const auto more = rows.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return found;
    found.push_back(JournalRow::read(rows));
  }
}

/// One look through the archives, in order.
class ArchiveWalk {
 public:
  ArchiveWalk(const Keyring &keyring, const std::string &ledger_id, const ChainLink &journal_base)
      : keyring_(keyring), ledger_id_(ledger_id), journal_base_(journal_base) {}

  Result<void> over(ArchiveReport &report) {
    const StandardDescriptorsHeld held;
    auto db = Database::open(report.file);
    if (!db) return tl::unexpected(std::move(db.error()));
    return begin(**db, report).and_then([&] { return walk_all(**db, report); });
  }
  /// Whether the journal follows what was seen.
  bool meets_journal() const { return met_; }

 private:
  Result<void> begin(Database &db, ArchiveReport &report) {
    const auto id = meta(db, "ledger_id");
    if (!id) return tl::unexpected(id.error());
    const auto text = meta(db, "base");
    if (!text) return tl::unexpected(text.error());
    const auto base = parse_link(text->value_or(""));
    if (*id != ledger_id_)
      report.damage = "it belongs to another ledger";
    else if (!base)
      report.damage = "what its records follow can't be read";
    else if (last_ && *base != *last_)
      report.damage =
          fmt::format("it does not follow record {}, with which the archive before it ends", last_->sequence);
    if (base) report.base = report.end = *base;
    return {};
  }
  Result<void> walk_all(Database &db, ArchiveReport &report) {
    ChainWalk walk;
    walk.begun = true;
    walk.base = walk.link = report.base;
    while (report.damage.empty()) {
      note_meeting(walk.link);
      const auto rows = archived_behind(db, walk.link.sequence);
      if (!rows) return tl::unexpected(rows.error());
      if (rows->empty()) break;
      for (const JournalRow &row : *rows) {
        walk_over(walk, row, keyring_, ledger_id_);
        if (!walk.damage.empty()) break;
        note_meeting(walk.link);
      }
      report.damage = walk.damage;
    }
    report.end = walk.link;
    last_ = walk.link;
    return {};
  }
  void note_meeting(const ChainLink &link) {
    if (link == journal_base_) met_ = true;
  }

  const Keyring &keyring_;
  const std::string &ledger_id_;
  const ChainLink &journal_base_;
  std::optional<ChainLink> last_;
  bool met_ = false;
};

}  // namespace

Result<std::unique_ptr<Archive>> Archive::open(const std::string &state_dir, const std::string &ledger_id,
                                               UtcTicks now) {
  const std::string directory = state_dir + "/archive";
  if (!make_private_directory(directory) && errno != EEXIST) return fail(cannot(directory, "made"));
  auto lock = take_lock(directory + "/lock");
  if (!lock) return tl::unexpected(std::move(lock.error()));
  if (!*lock) return nullptr;
  // Never a file before the newest, whatever the clock says: each continues the one before.
  const std::vector<std::string> names = names_in(directory);
  std::string name = now.str().substr(0, 7) + ".db";
  if (!names.empty()) name = std::max(name, names.back());
  std::unique_ptr<Archive> archive(new Archive(std::move(*lock), name));
  const std::string path = directory + "/" + name;
  return make_archive(path)
      .and_then([&] { return Database::open(path); })
      .and_then([&](std::unique_ptr<Database> db) {
        archive->db_ = std::move(db);
        return archive->prepare(ledger_id);
      })
      .map([&] { return std::move(archive); });
}

Result<void> Archive::prepare(const std::string &ledger_id) {
  return db_->execute("PRAGMA synchronous = FULL")
      .and_then([&] {
        return in_transaction(*db_, [&] {
          return db_->execute(kArchiveTables).and_then([&] { return put_meta(*db_, "ledger_id", ledger_id); });
        });
      })
      .and_then([&] { return meta(*db_, "ledger_id"); })
      .and_then([&](const std::optional<std::string> &id) -> Result<void> {
        if (id == ledger_id) return {};
        return fail(Status::Ledger, fmt::format("the archive {} belongs to another ledger; move it away", db_->path()));
      });
}

Result<void> Archive::put(const ChainLink &base, const std::vector<JournalRow> &records,
                          const std::vector<ArchivedRequest> &requests) {
  return in_transaction(*db_, [&] { return put_all(base, records, requests); });
}

Result<void> Archive::put_all(const ChainLink &base, const std::vector<JournalRow> &records,
                              const std::vector<ArchivedRequest> &requests) {
  if (auto put = put_meta(*db_, "base", text_of(base)); !put) return put;
  Statement record(*db_,
                   fmt::format("INSERT INTO journal ({}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                               " ON CONFLICT (sequence) DO UPDATE SET mac = excluded.mac WHERE mac = excluded.mac",
                               kJournalColumns));
  for (const JournalRow &row : records) {
    auto put = record.run(row.sequence, row.at, std::string_view(row.kind), std::string_view(row.request),
                          std::string_view(row.tenant), std::string_view(row.owner), std::string_view(row.body),
                          row.key_id, Blob(row.mac), Blob(row.digest));
    if (!put) return put;
    if (db_->changes() == 0)
      return fail(Status::Ledger,
                  fmt::format("the archive {} holds another record {}; move it away", db_->path(), row.sequence));
  }
  Statement request(*db_, "INSERT OR REPLACE INTO requests (id, row) VALUES (?, ?)");
  for (const ArchivedRequest &archived : requests)
    if (auto put = request.run(std::string_view(archived.id), std::string_view(archived.row)); !put) return put;
  return {};
}

Result<std::vector<ArchiveReport>> check_archives(const std::string &state_dir, const Keyring &keyring,
                                                  const std::string &ledger_id, const ChainLink &journal_base) {
  std::vector<ArchiveReport> reports;
  ArchiveWalk walk(keyring, ledger_id, journal_base);
  for (const std::string &name : names_in(state_dir + "/archive")) {
    ArchiveReport &report = reports.emplace_back(state_dir + "/archive/" + name);
    if (auto seen = walk.over(report); !seen) report.damage = seen.error().message;
  }
  if (!reports.empty() && reports.back().damage.empty() && !walk.meets_journal())
    reports.back().damage =
        fmt::format("the journal, which begins behind record {}, does not follow it", journal_base.sequence);
  return reports;
}

}  // namespace cordon::ledger

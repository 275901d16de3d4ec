#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>

#include "ledger/ledger.hpp"

namespace cordon::ledger::test {

/// A clock that stands still until it is told otherwise. [one thread, or the test synchronises]
class FakeClock final : public Clock {
 public:
  BootTime now() const override { return now_; }
  UtcTicks utc() const override { return UtcTicks::from_unix_seconds(1'770'000'000); }
  const std::string &boot_id() const override { return boot_id_; }
  void advance(nanoseconds by) { now_ += by; }
  void reboot() {
    boot_id_ += "'";
    now_ = BootTime(std::chrono::seconds(20));
  }

 private:
  BootTime now_{std::chrono::hours(1000)};
  std::string boot_id_ = "boot";
};

/// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cordon-ledger-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir &) = delete;
  TempDir &operator=(const TempDir &) = delete;
  std::string state_dir() const { return path_ + "/state"; }
  const std::string &path() const { return path_; }

 private:
  std::string path_;
};

/// Runs a scheduler on the test's thread.
class TestLoop {
 public:
  explicit TestLoop(const Clock &clock) : scheduler_(clock) {
    scheduler_.set_wake([this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      condition_.notify_one();
    });
  }
  loop::Scheduler &scheduler() { return scheduler_; }
  void run_until(const std::function<bool()> &done) {
    for (;;) {
      scheduler_.run_due();
      if (done()) return;
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
  }
  void run_until_idle() {
    run_until([this] { return scheduler_.running() == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  loop::Scheduler scheduler_;
};

/// A second connection to the ledger's file, for those who tamper.
class RawFile {
 public:
  explicit RawFile(const std::string &state_dir) {
    if (sqlite3_open((state_dir + "/ledger.db").c_str(), &db_) != SQLITE_OK) throw std::runtime_error("sqlite3_open");
  }
  ~RawFile() { sqlite3_close(db_); }
  RawFile(const RawFile &) = delete;
  RawFile &operator=(const RawFile &) = delete;
  void run(const std::string &sql) {
    char *text = nullptr;
    if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &text) != SQLITE_OK)
      throw std::runtime_error(text != nullptr ? text : "sqlite3_exec");
  }
  std::string text(const std::string &sql) {
    std::string out;
    const auto keep = [](void *to, int, char **values, char **) {
      *static_cast<std::string *>(to) = values[0] != nullptr ? values[0] : "";
      return 0;
    };
    if (sqlite3_exec(db_, sql.c_str(), keep, &out, nullptr) != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(db_));
    return out;
  }

 private:
  sqlite3 *db_ = nullptr;
};

inline Record record(const std::string &text, const std::string &kind = "state", const RequestId &request = {}) {
  return Record(kind, request, "contoso", Json{{"text", text}}, UtcTicks::from_unix_seconds(1'770'000'000));
}

/// A ledger in a directory of its own, with a key unless told otherwise.
class LedgerTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    open_without_key();
    const auto keyed = ledger_->use_key(Secret(std::string(32, 'k')), "vault-1");
    ASSERT_TRUE(keyed) << keyed.error().message;
  }
  void open_without_key() {
    auto opened = Ledger::open(directory_.state_dir(), clock_, random_);
    ASSERT_TRUE(opened) << opened.error().message;
    ledger_ = std::move(*opened);
  }
  void close() { ledger_.reset(); }

  template <class F>
  auto write(F closure, Durability durability = Durability::Process) {
    return ledger_->run_blocking(durability, std::move(closure));
  }
  template <class F>
  auto read(F closure) {
    return ledger_->run_blocking(Durability::Read, std::move(closure));
  }
  Result<std::int64_t> append(const std::string &text, Durability durability = Durability::Full) {
    return write([&](Tx &tx) { return tx.append(record(text)); }, durability);
  }
  std::vector<JournalRecord> events(std::int64_t after = 0, const EventFilter &filter = {}, std::size_t limit = 1000) {
    auto found = read([&](Tx &tx) { return tx.events_after(after, filter, limit); });
    EXPECT_TRUE(found) << found.error().message;
    return found ? std::move(*found) : std::vector<JournalRecord>();
  }

  TempDir directory_;
  FakeClock clock_;
  SystemRandom random_;
  std::unique_ptr<Ledger> ledger_;
};

inline RequestRow request_row(const std::string &id_digits) {
  RequestRow row;
  row.id = RequestId::trusted("00000000-0000-4000-8000-" + std::string(12 - id_digits.size(), '0') + id_digits);
  row.tenant = "contoso";
  row.operation = "restrict_code_execution";
  row.machine = MachineId::trusted(std::string(40, 'a'));
  row.match_key = "contoso|" + id_digits;
  row.fingerprint = "f" + id_digits;
  row.document = Json{{"request_id", row.id.str()},
                      {"operation", row.operation},
                      {"machine_id", row.machine.str()},
                      {"state", "queued"},
                      {"labels", {{"case", "INC-" + id_digits}, {"run", "7"}}}};
  row.parameters = Json::object();
  row.progress = Json::object();
  row.created = UtcTicks::from_unix_seconds(1'770'000'000);
  row.updated = row.created;
  row.expires = UtcTicks::from_unix_seconds(1'770'000'900);
  row.owner = "owner";
  row.boot_id = "boot";
  return row;
}

}  // namespace cordon::ledger::test

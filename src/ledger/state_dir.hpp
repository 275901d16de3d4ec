#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"

namespace cordon::ledger {

/// The directory of a ledger, held by this client. Holding = an open-file-description lock on `ledger.lock` and one on
/// `owners/<this client>`; both end with the last descriptor, that is with the process or with this object.
class StateDir {
 public:
  /// Makes the directory if absent (0700) and locks it. Status::Ledger, naming the directory, if it is held by another
  /// client, belongs to somebody else, is writable by group or world, or lies on a file system that does not lock
  /// reliably.
  static Result<std::unique_ptr<StateDir>> open(const std::string &path, Random &random);
  ~StateDir();
  StateDir(const StateDir &) = delete;
  StateDir &operator=(const StateDir &) = delete;

  const std::string &path() const noexcept { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  /// This client's name among the owners: a fresh UUID.
  const std::string &owner() const noexcept { return owner_; }
  /// True while some process holds the lock of that owner.
  bool is_owner_alive(std::string_view owner) const;
  /// Async-signal-safe.
  void close_after_fork() noexcept;

  /// The wrapping key of a ledger without a vault, `ledger.key`: nullopt if there is none.
  Result<std::optional<Secret>> read_key_file() const;
  /// Makes it, never over an existing one.
  Result<void> write_key_file(const Secret &key) const;
  void remove_key_file() const noexcept;

 private:
  StateDir(std::string path, std::string owner) : path_(std::move(path)), owner_(std::move(owner)) {}
  Result<void> lock();
  void forget_dead_owners() const noexcept;

  std::string path_;
  std::string owner_;
  std::atomic<int> directory_lock_ = -1;
  std::atomic<int> owner_lock_ = -1;
};

/// Whether a file system (`f_type` of statfs) keeps locks and writes as SQLite needs them: nullptr if so, else what it
/// is, for a message. What is not known to be good is not.
const char *unfit_file_system(long type) noexcept;

}  // namespace cordon::ledger

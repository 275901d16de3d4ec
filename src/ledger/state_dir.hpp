#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"
#include "ledger/peers.hpp"

namespace cordon::ledger {

/// The directory of a ledger, shared by its clients. A client lives as long as an open-file-description lock on
/// `owners/<its name>` is held: until this object goes, or the process dies. `ledger.lock` lets one client at a time
/// open the ledger. `bell` is written to when there is news.
class StateDir final : public Peers {
 public:
  /// Makes the directory if absent (0700), enters this client among its owners and waits for its turn to open the
  /// ledger, which end_opening() passes on. Status::Ledger, naming the directory, if it belongs to somebody else, is
  /// writable by group or world, lies on a file system that does not lock reliably, or is in use by another copy of the
  /// library in this process (each copy would drop the other's locks).
  static Result<std::unique_ptr<StateDir>> open(const std::string &path, Random &random);
  ~StateDir() override;
  StateDir(const StateDir &) = delete;
  StateDir &operator=(const StateDir &) = delete;
  void end_opening() noexcept;

  const std::string &path() const noexcept { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

  const std::string &self() const noexcept override { return owner_; }
  bool is_alive(std::string_view client) const override;
  void ring() noexcept override;
  void close_after_fork() noexcept override;

  /// The wrapping key of a ledger without a vault, `ledger.key`: nullopt if there is none.
  Result<std::optional<Secret>> read_key_file() const;
  /// Makes it, never over an existing one.
  Result<void> write_key_file(const Secret &key) const;
  void remove_key_file() const noexcept;

 private:
  StateDir(std::string path, std::string owner)
      : path_(std::move(path)), owner_(std::move(owner)), owner_file_(file("owners/" + owner_)) {}
  Result<void> take_turn();
  Result<void> enter();
  Result<void> look_at_others() const;

  std::string path_;
  std::string owner_;
  std::string owner_file_;  // made before it is needed: to go takes no memory
  std::atomic<int> turn_ = -1;
  std::atomic<int> owner_lock_ = -1;
  std::atomic<int> bell_ = -1;
};

/// Whether a file system (`f_type` of statfs) keeps locks and writes as SQLite needs them: nullptr if so, else what it
/// is, for a message. What is not known to be good is not.
const char *unfit_file_system(long type) noexcept;

}  // namespace cordon::ledger

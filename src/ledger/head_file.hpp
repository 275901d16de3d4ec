#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace cordon::ledger {

/// `ledger.head`: the newest record that reached the disk for certain, beside the journal, so that a cut tail shows.
class HeadFile {
 public:
  struct Head {
    std::string ledger_id;
    std::int64_t sequence = 0;
    std::string mac;
  };

  /// Opens it, or makes it, empty.
  static Result<std::unique_ptr<HeadFile>> open(const std::string &path);
  ~HeadFile();
  HeadFile(const HeadFile &) = delete;
  HeadFile &operator=(const HeadFile &) = delete;

  /// nullopt: it does not hold a head.
  std::optional<Head> read() const;
  /// Not synced: after a loss of power it may be an older one, never one ahead of the journal. Failure is silent, an
  /// old head is a true one.
  void write(std::string_view ledger_id, std::int64_t sequence, std::string_view mac) const noexcept;
  /// Makes the head written last survive a loss of power.
  void sync() const noexcept;

 private:
  explicit HeadFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace cordon::ledger

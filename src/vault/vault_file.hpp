#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "base/error.hpp"

namespace cordon::vault {

/// The vault's file on disk: who may touch it, how it is read whole and replaced whole. Not synchronised; several
/// processes may use one file. Errors are VAULT_PERMISSIONS for anything about access, else VAULT_CORRUPT.
class VaultFile {
 public:
  static constexpr milliseconds kLockPatience{10'000};

  /// A version of the file. It is held open, so that no later version can get its inode number.
  class Version {
   public:
    Version() = default;
    explicit Version(Descriptor held);
    bool is(const struct stat &found) const;

   private:
    Descriptor held_;
    struct stat stat_ {};
  };
  struct Content {
    std::string text;
    Version version;
  };

  explicit VaultFile(std::string path) : path_(std::move(path)) {}
  const std::string &path() const { return path_; }

  /// nullopt: there is no file. Refuses symbolic links, foreign owners, access by group or world, and directories in
  /// which others could replace it.
  Result<std::optional<Content>> read() const;
  /// False when the file on disk is another one than `version`, or gone.
  bool is_current(const Version &version) const;

  /// Held by one writer at a time, released when it goes or its process dies. Waits up to `patience` for another
  /// writer, then INVALID_STATE, retryable. [blocking]
  Result<Descriptor> lock(milliseconds patience = kLockPatience) const;
  /// Under the lock: the new text is on disk, whole, when it returns; after a crash either the old or the new file is.
  Result<Version> replace(std::string_view text) const;

 private:
  Result<void> check_directory() const;
  std::string path_;
};

}  // namespace cordon::vault

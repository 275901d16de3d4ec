#include "vault/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.hpp"
#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "vault/crypto.hpp"
#include "vault/own_group.hpp"

namespace cordon::vault {
namespace {

constexpr std::size_t kHexKeySize = 2 * kKeySize;
static_assert(kKeyReadSize > kHexKeySize + 1);
constexpr auto kTmpfsMagic = 0x01021994;  // linux/magic.h

tl::unexpected<Error> refuse(const std::string &where, std::string_view why, std::string_view remedy) {
  return fail(Status::VaultPermissions, fmt::format("{} {}; {}", where, why, remedy));
}

Result<void> check_own_file(const struct stat &file, const std::string &where, const std::string &path) {
  if (file.st_uid != geteuid())
    return refuse(where, fmt::format("belongs to user {}, not to {} who runs this process", file.st_uid, geteuid()),
                  "chown it, or use \"mounted\":true for a mounted secret");
  if ((file.st_mode & 07777) != 0400 && (file.st_mode & 07777) != 0600)
    return refuse(where, fmt::format("has mode {:04o}; only its owner may read it", file.st_mode & 07777),
                  fmt::format("run: chmod 0400 {}", path));
  return {};
}

/// A container's secret is often readable by everybody (Docker: 0444), which is harmless where everybody is the
/// container: on a mount that nobody can write to, or one in memory whose file root made.
bool is_mount_for_this_alone(const Descriptor &file, const struct stat &found) {
  struct statfs system {};
  if (fstatfs(file.get(), &system) != 0) return false;
  return (system.f_flags & ST_RDONLY) != 0 || (system.f_type == kTmpfsMagic && found.st_uid == 0);
}

Result<void> check_mounted_file(const Descriptor &file, const struct stat &found, const std::string &where) {
  if (found.st_uid != geteuid() && found.st_uid != 0)
    return refuse(where, fmt::format("belongs to user {}, neither root nor {}", found.st_uid, geteuid()),
                  "mount it as root or as the user of this process");
  const std::string mode = fmt::format("has mode {:04o}", found.st_mode & 07777);
  if ((found.st_mode & 022) != 0)
    return refuse(where, mode + ": others could change it", "mount it with mode 0440 or 0400");
  if ((found.st_mode & 04) != 0) {
    if (is_mount_for_this_alone(file, found)) return {};
    return refuse(where, mode + " and lies on no mount of its own: everybody could read it",
                  "mount it with mode 0440 or 0400 (Kubernetes: defaultMode and fsGroup), or mount it read-only");
  }
  if ((found.st_mode & 040) != 0 && !in_own_group(found.st_gid))
    return refuse(where, fmt::format("is readable by group {}, which is none of this process's", found.st_gid),
                  "mount it with mode 0400, or with a group of this process");
  return {};
}

/// systemd gives the service's user access by an access list, whose mask shows as the group's bits; the directory
/// around keeps everybody else out.
Result<void> check_credential(const struct stat &found, const std::string &where) {
  if (found.st_uid != geteuid() && found.st_uid != 0)
    return refuse(where, fmt::format("belongs to user {}, neither root nor {}", found.st_uid, geteuid()),
                  "let systemd make it (LoadCredential= or LoadCredentialEncrypted=)");
  if ((found.st_mode & 027) != 0)
    return refuse(where, fmt::format("has mode {:04o}: others could read or change it", found.st_mode & 07777),
                  "let systemd make it (LoadCredential= or LoadCredentialEncrypted=)");
  return {};
}

tl::unexpected<Error> cannot_open(const std::string &where, const std::string &path, int error) {
  if (error == ENOENT || error == ENOTDIR)
    return fail(Status::VaultLocked,
                fmt::format("{} does not exist; make one (umask 077; head -c 32 /dev/urandom > {}) or put the right "
                            "one there",
                            where, path));
  if (error == ELOOP) return refuse(where, "is a symbolic link", "name the file itself, or use \"mounted\":true");
  if (error == EACCES || error == EPERM)
    return refuse(where, fmt::format("can't be read by user {}", geteuid()), "chown it to that user with mode 0400");
  return fail(Status::VaultLocked, fmt::format("{} can't be opened: {}", where, system_reason(error)));
}

}  // namespace

Result<Secret> read_key_file(const std::string &path, KeyFileRule rule) {
  const std::string where = fmt::format("the vault's key file {}", path);
  const int links = rule == KeyFileRule::Mounted ? 0 : O_NOFOLLOW;
  const Descriptor file(open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | links));
  if (!file) return cannot_open(where, path, errno);
  struct stat found {};
  if (fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode))
    return refuse(where, "is not a regular file", "put the key into a plain file");
  const auto checked = rule == KeyFileRule::Own       ? check_own_file(found, where, path)
                       : rule == KeyFileRule::Mounted ? check_mounted_file(file, found, where)
                                                      : check_credential(found, where);
  if (!checked) return fail(checked.error());

  Secret bytes = Secret::zeros(kKeyReadSize);
  const auto size = read_up_to(file, bytes.data(), bytes.size());
  if (!size) return fail(Status::VaultLocked, fmt::format("{} can't be read: {}", where, system_reason(errno)));
  bytes.resize(*size);
  return parse_key(bytes.reveal(), where);
}

std::string key_file_weakness(const std::string &path, KeyFileRule rule) {
  struct stat found {};
  if (rule != KeyFileRule::Mounted || stat(path.c_str(), &found) != 0 || (found.st_mode & 04) == 0) return "";
  return fmt::format(
      "the key file {} is readable by everybody who sees its mount; mount it with mode 0440 and a group of this "
      "process",
      path);
}

Result<Secret> parse_key(std::string_view bytes, std::string_view where) {
  if (bytes.size() == kKeySize) return Secret(bytes);
  if (bytes.size() == kHexKeySize + 1 && bytes.back() == '\n') bytes.remove_suffix(1);
  Secret key = Secret::zeros(kKeySize);
  std::size_t size = 0;
  if (bytes.size() == kHexKeySize &&
      sodium_hex2bin(key.bytes(), key.size(), bytes.data(), bytes.size(), nullptr, &size, nullptr) == 0 &&
      size == kKeySize)
    return key;
  return fail(
      Status::VaultWrongKey,
      fmt::format("{} holds no key: expected 32 raw bytes, or 64 hexadecimal digits and at most a line feed", where));
}

}  // namespace cordon::vault

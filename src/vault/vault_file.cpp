#include "vault/vault_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "vault/format.hpp"
#include "vault/own_group.hpp"

namespace cordon::vault {
namespace {

constexpr milliseconds kLockPause{10};

tl::unexpected<Error> refuse(std::string message) {
  return fail(Status::VaultPermissions, std::move(message));
}

std::string directory_of(const std::string &path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> check_vault(const struct stat &found, const std::string &path) {
  if (!S_ISREG(found.st_mode)) return refuse(fmt::format("the vault {} is not a regular file", path));
  if (found.st_uid != geteuid())
    return refuse(fmt::format("the vault {} belongs to user {}, not to {} who runs this process; chown it", path,
                              found.st_uid, geteuid()));
  if ((found.st_mode & 077) != 0)
    return refuse(fmt::format("the vault {} has mode {:04o}: others have access to it; run: chmod 0600 {}", path,
                              found.st_mode & 07777, path));
  return {};
}

tl::unexpected<Error> cannot(std::string_view what, const std::string &path, int error) {
  return refuse(
      fmt::format("{} {}: {}; check the directory's owner, mode and free space, and that it is not mounted "
                  "read-only",
                  what, path, system_reason(error)));
}

bool write_all(const Descriptor &file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

VaultFile::Version::Version(Descriptor held) : held_(std::move(held)) {
  if (fstat(held_.get(), &stat_) != 0) stat_ = {};
}

bool VaultFile::Version::is(const struct stat &found) const {
  return held_ && found.st_dev == stat_.st_dev && found.st_ino == stat_.st_ino && found.st_size == stat_.st_size &&
         found.st_mtim.tv_sec == stat_.st_mtim.tv_sec && found.st_mtim.tv_nsec == stat_.st_mtim.tv_nsec &&
         found.st_uid == stat_.st_uid && found.st_mode == stat_.st_mode;
}

bool VaultFile::is_current(const Version &version) const {
  struct stat found {};
  return lstat(path_.c_str(), &found) == 0 && version.is(found);
}

Result<void> VaultFile::check_directory() const {
  const std::string directory = directory_of(path_);
  struct stat found {};
  if (stat(directory.c_str(), &found) != 0) return cannot("the vault's directory can't be used:", directory, errno);
  const bool sticky = (found.st_mode & S_ISVTX) != 0;
  if (found.st_uid != geteuid() && found.st_uid != 0)
    return refuse(
        fmt::format("the vault's directory {} belongs to user {}, who could replace the vault; chown it to {} "
                    "or root",
                    directory, found.st_uid, geteuid()));
  if ((found.st_mode & S_IWOTH) != 0 && !sticky)
    return refuse(
        fmt::format("the vault's directory {} is writable by everybody; put the vault into a directory of its "
                    "own with mode 0700",
                    directory));
  if ((found.st_mode & S_IWGRP) != 0 && !sticky && !in_own_group(found.st_gid))
    return refuse(
        fmt::format("the vault's directory {} is writable by group {}, which is none of this process's; run: "
                    "chmod g-w {}",
                    directory, found.st_gid, directory));
  return {};
}

Result<std::optional<VaultFile::Content>> VaultFile::read() const {
  Descriptor file(open_file(path_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    const int error = errno;
    if (error == ENOENT) return std::optional<Content>();
    if (error == ELOOP)
      return refuse(fmt::format("the vault {} is a symbolic link; configure the path of the file itself", path_));
    return refuse(fmt::format("the vault {} can't be opened: {}; it must be readable by user {}", path_,
                              system_reason(error), geteuid()));
  }
  struct stat found {};
  if (fstat(file.get(), &found) != 0) return cannot("the vault can't be read:", path_, errno);
  if (auto checked = check_vault(found, path_); !checked) return fail(std::move(checked.error()));
  if (auto checked = check_directory(); !checked) return fail(std::move(checked.error()));
  if (found.st_size > static_cast<off_t>(kMaxFileSize))
    return fail(Status::VaultCorrupt, fmt::format("the vault {} has more than {} bytes", path_, kMaxFileSize));
  Content content;
  content.text.resize(static_cast<std::size_t>(found.st_size));
  const auto size = read_up_to(file, content.text.data(), content.text.size());
  if (!size) return cannot("the vault can't be read:", path_, errno);
  content.text.resize(*size);
  content.version = Version(std::move(file));
  return std::optional<Content>(std::move(content));
}

Result<Descriptor> VaultFile::lock(milliseconds patience) const {
  if (auto checked = check_directory(); !checked) return fail(std::move(checked.error()));
  const std::string path = path_ + ".lock";
  Descriptor file(open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY, 0600));
  struct stat found {};
  if (!file || fstat(file.get(), &found) != 0) return cannot("the vault's lock file can't be opened:", path, errno);
  if (!S_ISREG(found.st_mode) || found.st_uid != geteuid())
    return refuse(fmt::format("the vault's lock file {} is not a file of user {}; remove it", path, geteuid()));
  if (fchmod(file.get(), 0600) != 0) return cannot("the vault's lock file can't be made private:", path, errno);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    if (fcntl(file.get(), F_OFD_SETLK, &whole) == 0) return file;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return cannot("the vault can't be locked:", path, errno);
    std::this_thread::sleep_for(kLockPause);
  } while (std::chrono::steady_clock::now() < end);
  return fail(
      Error(Status::InvalidState,
            fmt::format("another process has held the vault's lock {} for {} ms; try again, or look for a writer that "
                        "hangs",
                        path, patience.count()))
          .retry());
}

Result<VaultFile::Version> VaultFile::replace(std::string_view text) const {
  const std::string fresh = path_ + ".tmp";
  ::unlink(fresh.c_str());  // left by a writer that died; nobody else writes while we hold the lock
  Descriptor file(open_file(fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0600));
  if (!file) return cannot("the vault can't be written:", fresh, errno);
  if (!write_all(file, text) || fsync(file.get()) != 0 || std::rename(fresh.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return cannot("the vault can't be written:", path_, error);
  }
  const std::string directory = directory_of(path_);
  const Descriptor parent(open_file(directory, O_RDONLY | O_DIRECTORY));
  if (!parent || fsync(parent.get()) != 0) return cannot("the vault's directory can't be synced:", directory, errno);
  return Version(std::move(file));
}

}  // namespace cordon::vault

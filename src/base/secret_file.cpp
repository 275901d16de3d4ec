#include "base/secret_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.hpp"
#include "base/open_file.hpp"
#include "base/system_reason.hpp"

namespace cordon {
namespace {

tl::unexpected<Error> refuse(Status status, const std::string &place, const std::string &problem) {
  return fail(Error(status, fmt::format("the file named at {} {}", place, problem)).at(place));
}

Result<Descriptor> open_checked(const std::string &path, FileGuard guard, const std::string &place) {
  const int no_link = guard == FileGuard::NoLink ? O_NOFOLLOW : 0;
  Descriptor file(open_file(path, O_RDONLY | O_NONBLOCK | no_link));
  if (!file)
    return refuse(Status::InvalidState, place,
                  fmt::format("can't be read: {}; check the path and the rights of the user of this process",
                              system_reason(errno)));
  struct stat found {};
  if (fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode))
    return refuse(Status::InvalidState, place, "is no regular file; name the file itself");
  if (guard == FileGuard::Private && (found.st_mode & 026) != 0)
    return refuse(Status::VaultPermissions, place,
                  fmt::format("has mode {:04o} and holds a private key; run: chmod 0400 on it (a mounted one: 0440)",
                              found.st_mode & 07777));
  return file;
}

}  // namespace

Result<void> check_secret_file(const std::string &path, FileGuard guard, const std::string &place) {
  return open_checked(path, guard, place).map([](const Descriptor &) {});
}

Result<Secret> read_secret_file(const std::string &path, std::size_t limit, FileGuard guard, const std::string &place) {
  const auto file = open_checked(path, guard, place);
  if (!file) return fail(file.error());
  Secret bytes = Secret::zeros(limit + 1);
  const auto size = read_up_to(*file, bytes.data(), bytes.size());
  if (!size) return refuse(Status::InvalidState, place, fmt::format("can't be read: {}", system_reason(errno)));
  if (*size == 0) return refuse(Status::InvalidState, place, "is empty");
  if (*size > limit) return refuse(Status::InvalidState, place, fmt::format("is longer than {} bytes", limit));
  bytes.resize(*size);
  return bytes;
}

}  // namespace cordon

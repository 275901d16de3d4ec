#include "emulator/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace cordon::emulator {
namespace {

tl::unexpected<Error> failed(const char *what, const std::filesystem::path &path, int code) {
  return fail(Status::Internal,
              fmt::format("could not {} {}: {}", what, path.string(), std::generic_category().message(code)));
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Result<void> write_file(const std::filesystem::path &path, std::string_view text, mode_t mode) {
  const std::filesystem::path temporary = path.string() + ".new";
  unlink(temporary.c_str());
  const int fd = open(temporary.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
  if (fd < 0) return failed("create", temporary, errno);
  const bool written = write_all(fd, text);
  const int code = errno;
  close(fd);
  if (written && rename(temporary.c_str(), path.c_str()) == 0) return {};
  const int reason = written ? errno : code;
  unlink(temporary.c_str());
  return failed("write", path, reason);
}

Result<void> make_private_directory(const std::filesystem::path &path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) return {};
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), code);
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return failed("make the directory", path, errno);
}

}  // namespace cordon::emulator

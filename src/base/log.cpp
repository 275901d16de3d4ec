#include "base/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "base/json.hpp"
#include "base/open_file.hpp"
#include "base/system_reason.hpp"

namespace cordon {
namespace {

const char *level_name(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Error:
      return "error";
  }
  return "info";
}

/// Whoever is behind a host's descriptor may have stopped reading; a pipe that is full would stop the work.
bool takes_a_line(int fd) {
  pollfd reader{fd, POLLOUT, 0};
  return ::poll(&reader, 1, 0) == 1;
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(const Settings &settings, const Clock &clock) {
  auto log = std::make_unique<Log>();
  log->level_ = settings.level;
  log->clock_ = &clock;
  if (!settings.file.empty()) {
    log->fd_ = open_file(settings.file, O_WRONLY | O_APPEND | O_CREAT, 0600);
    log->owned_ = true;
    if (log->fd_ < 0)
      return fail(Error(Status::InvalidArgument,
                        fmt::format("the log file can't be opened for appending: {}", system_reason(errno)))
                      .at("/log/file"));
  } else if (settings.fd >= 0) {
    const int mode = ::fcntl(settings.fd, F_GETFL);
    if (mode < 0 || (mode & O_PATH) != 0 || (mode & O_ACCMODE) == O_RDONLY)
      return fail(Error(Status::InvalidArgument,
                        "the log's descriptor is not open for writing; give one that stays open as long as the client "
                        "lives, or name a file in log.file")
                      .at("/log/fd"));
    log->fd_ = settings.fd;
  }
  return log;
}

Log::~Log() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

void Log::write(LogLevel level, std::string_view text, std::initializer_list<Field> fields) noexcept {
  if (fd_ < 0 || level < level_) return;
  try {
    Json line = Json::object();
    for (const Field &field : fields)
      std::visit([&](const auto &value) { line[std::string(field.name)] = value; }, field.value);
    line["time"] = clock_->utc().str();
    line["level"] = level_name(level);
    line["text"] = text;
    const std::string out = dump(line) + "\n";
    if (!owned_ && !takes_a_line(fd_)) return;
    // One write per line: O_APPEND keeps lines of several processes whole. A log that can't be written is not an error.
    if (::write(fd_, out.data(), out.size()) < 0) return;
  } catch (...) {  // out of memory: the line is lost, the host is not
  }
}

}  // namespace cordon

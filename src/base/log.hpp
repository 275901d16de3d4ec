#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace cordon {

enum class LogLevel { Debug, Info, Warning, Error };

/// One JSON line per entry to a file descriptor or a file, or nowhere. What can be logged is an allow-list: a fixed
/// text and named fields of plain types; there is no way to pass a Secret, a header or a body. [any-thread]
class Log {
 public:
  struct Field {
    std::string_view name;
    std::variant<std::string_view, std::int64_t, bool> value;
  };
  struct Settings {
    int fd = -1;  ///< borrowed
    std::string file;
    LogLevel level = LogLevel::Info;
  };

  Log() = default;  ///< silent
  static Result<std::unique_ptr<Log>> open(const Settings &settings, const Clock &clock);
  ~Log();
  Log(const Log &) = delete;
  Log &operator=(const Log &) = delete;

  void write(LogLevel level, std::string_view text, std::initializer_list<Field> fields = {}) noexcept;

 private:
  int fd_ = -1;
  bool owned_ = false;
  LogLevel level_ = LogLevel::Info;
  const Clock *clock_ = nullptr;
};

}  // namespace cordon

#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon {

enum class LogLevel { Debug, Info, Warning, Error };

/// Numbers, flags and ordinary text; a SecureString would convert to a view of itself and is kept out by name.
template <class T>
concept Loggable = (std::is_integral_v<T> ||
                    std::is_convertible_v<const T &, std::string_view>)&&!std::is_same_v<T, SecureString> &&
                   !std::is_same_v<T, std::nullptr_t>;

/// One JSON line per entry to a file descriptor or a file, or nowhere. What can be logged is an allow-list: a fixed
/// text and named fields of plain types; there is no way to pass a Secret, a header or a body. A line that the host's
/// descriptor does not take at once is dropped. [any-thread]
class Log {
 public:
  struct Field {
    template <Loggable T>
    Field(std::string_view name_, const T &value_) : name(name_), value(plain(value_)) {}

    std::string_view name;
    std::variant<std::string_view, std::int64_t, bool> value;

   private:
    template <class T>
    static auto plain(const T &value_) {
      if constexpr (std::is_same_v<T, bool>)
        return value_;
      else if constexpr (std::is_integral_v<T>)
        return static_cast<std::int64_t>(value_);
      else
        return std::string_view(value_);
    }
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

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/error.hpp"

namespace cordon::boundary {

/// One argument of a C function, as it has to be checked before anything inside sees it.
struct Argument {
  enum class Rule { Text, OptionalText, Bytes, Timeout, Wait };
  Rule rule;
  const char *name;
  const void *bytes = nullptr;
  std::size_t size = 0;
  std::int32_t number = 0;
};

using Arguments = std::initializer_list<Argument>;

/// NUL-terminated UTF-8, not NULL.
inline Argument text(const char *name, const char *value) {
  return {Argument::Rule::Text, name, value};
}
/// The same, or NULL.
inline Argument optional_text(const char *name, const char *value) {
  return {Argument::Rule::OptionalText, name, value};
}
/// Any bytes; NULL only with size 0.
inline Argument secret_bytes(const char *name, const void *value, std::size_t size) {
  return {Argument::Rule::Bytes, name, value, size};
}
/// -1 or > 0, in milliseconds.
inline Argument timeout(const char *name, std::int32_t ms) {
  return {Argument::Rule::Timeout, name, nullptr, 0, ms};
}
/// -1 or >= 0, in milliseconds.
inline Argument wait(const char *name, std::int32_t ms) {
  return {Argument::Rule::Wait, name, nullptr, 0, ms};
}

/// The first argument that breaks its rule, named, as INVALID_ARGUMENT.
Result<void> check(Arguments arguments);

/// The text inside sees: data() is null where the host gave NULL.
inline std::string_view view(const char *value) {
  return value == nullptr ? std::string_view() : std::string_view(value);
}
inline std::string_view view(const void *value, std::size_t size) {
  return value == nullptr ? std::string_view() : std::string_view(static_cast<const char *>(value), size);
}

}  // namespace cordon::boundary

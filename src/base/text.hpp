#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cordon {

/// ASCII only: the process's locale is the host's business.
constexpr bool is_hex_digit(unsigned char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// True for well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// RFC 3986 percent-encoding of everything but unreserved characters.
std::string percent_encode(std::string_view text);
/// nullopt for a broken escape. `plus_is_space`: as in forms and query strings.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

/// A decimal integer with nothing before or behind it.
std::optional<std::int64_t> parse_int(std::string_view text) noexcept;

std::string hex_encode(std::string_view bytes);  ///< in lower case
std::optional<std::string> hex_decode(std::string_view text);

std::string base64url_encode(std::string_view bytes);  ///< without padding
std::optional<std::string> base64url_decode(std::string_view text);

/// The text as one printable line of at most `limit` bytes for a message: control characters, and those
/// that break lines or turn the writing direction, become '?'; cut at a
/// character's edge. For texts of the service that a person should read.
std::string printable(std::string_view text, std::size_t limit);

}  // namespace cordon

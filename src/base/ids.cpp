#include "base/ids.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace cordon {
namespace {

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return is_hex_digit(c); });
}

Result<std::string> parse_forty_hex(const char *name, std::string_view text, std::string_view hint) {
  if (text.size() == 40 && is_hex(text)) return to_lower(text);
  if (text.empty()) return fail(Status::InvalidArgument, fmt::format("{} is empty; give 40 hexadecimal digits", name));
  if (text.size() != 40)
    return fail(Status::InvalidArgument,
                fmt::format("{} has {} characters; it must be 40 hexadecimal digits{}", name, text.size(), hint));
  return fail(Status::InvalidArgument,
              fmt::format("{} has a character that is not a hexadecimal digit; it must be 40 of them", name));
}

Result<std::string> parse_uuid(const char *name, std::string_view text) {
  if (is_uuid(text)) return to_lower(text);
  return fail(Status::InvalidArgument,
              fmt::format("{} is not a UUID; give 8-4-4-4-12 hexadecimal digits with hyphens", name));
}

}  // namespace

bool is_uuid(std::string_view text) noexcept {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex_digit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

template <>
Result<MachineId> MachineId::parse(std::string_view text) {
  return parse_forty_hex(MachineIdTag::kName, text, " (the device id, not its name)").map([](std::string s) {
    return MachineId(std::move(s));
  });
}

template <>
Result<Sha1> Sha1::parse(std::string_view text) {
  std::string_view hint;
  if (text.size() == 64 && is_hex(text)) hint = " (this looks like a SHA-256; the service takes the file's SHA-1 only)";
  if (text.size() == 32 && is_hex(text)) hint = " (this looks like an MD5; the service takes the file's SHA-1 only)";
  return parse_forty_hex(Sha1Tag::kName, text, hint).map([](std::string s) { return Sha1(std::move(s)); });
}

template <>
Result<RequestId> RequestId::parse(std::string_view text) {
  return parse_uuid(RequestIdTag::kName, text).map([](std::string s) { return RequestId(std::move(s)); });
}

template <>
Result<ActionId> ActionId::parse(std::string_view text) {
  return parse_uuid(ActionIdTag::kName, text).map([](std::string s) { return ActionId(std::move(s)); });
}

RequestId make_request_id(Random &random) {
  std::array<unsigned char, 16> b{};
  random.fill(b.data(), b.size());
  b[6] = static_cast<unsigned char>((b[6] & 0x0f) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3f) | 0x80);
  return RequestId::trusted(fmt::format(
      "{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}", b[0],
      b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]));
}

}  // namespace cordon

#include "vault/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "vault/crypto.hpp"
#include "vault/slot.hpp"

namespace cordon::vault {
namespace {

constexpr std::string_view kMagic = "cordon-vault/v1";
constexpr std::string_view kMagicOfAnyVersion = "cordon-vault/v";
constexpr std::string_view kSlotMark = "-> ";
constexpr std::string_view kIdMark = "@ ";
constexpr std::string_view kMacMark = "--- ";
constexpr std::size_t kMinPadded = 4096;
constexpr std::size_t kMib = 1u << 20;

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto space = text.find(' ');
    words.push_back(text.substr(0, space));
    if (space == std::string_view::npos) return words;
    text.remove_prefix(space + 1);
  }
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_kind(std::string_view word) {
  return !word.empty() && word.size() <= 32 && word[0] >= 'a' && word[0] <= 'z' &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_slot_id(std::string_view word) {
  return !word.empty() && word.size() <= 64 && std::all_of(word.begin(), word.end(), [](char c) {
    return is_lower_or_digit(to_lower(c)) || c == '.' || c == '_' || c == '-';
  });
}

bool is_argument(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

/// Takes the text apart line by line and knows which one it is at.
class Reader {
 public:
  Reader(std::string_view text, std::string_view where) : rest_(text), where_(where) {}

  bool next_starts_with(std::string_view mark) const { return rest_.starts_with(mark); }

  std::optional<std::string_view> line() {
    ++number_;
    const auto end = rest_.substr(0, kMaxLine + 1).find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return found;
  }
  std::string_view rest() const { return rest_; }

  tl::unexpected<Error> wrong(std::string_view expected) const {
    return fail(Status::VaultCorrupt, fmt::format("the vault {} is damaged at line {}: {}; restore it from a backup",
                                                  where_, number_, expected));
  }

 private:
  std::string_view rest_;
  std::string_view where_;
  int number_ = 0;
};

Result<Slot> read_slot(Reader &reader, const std::vector<Slot> &before) {
  const auto line = reader.line();
  if (!line) return reader.wrong("expected a slot line");
  Slot slot;
  slot.line = *line;
  const auto words = split(line->substr(kSlotMark.size()));
  if (words.size() < 2 || !is_kind(words[0]) || !is_slot_id(words[1]) ||
      !std::all_of(words.begin() + 2, words.end(), is_argument))
    return reader.wrong("expected \"-> kind id\" and arguments, each behind one space");
  if (std::any_of(before.begin(), before.end(), [&](const Slot &other) { return other.id() == words[1]; }))
    return reader.wrong("this slot's id is taken by another slot");
  if (const char *expected = slot_line_problem(slot); expected != nullptr) return reader.wrong(expected);
  const auto body = reader.line();
  if (!body || body->empty() || !base64_decode(*body)) return reader.wrong("expected a slot's body in unpadded base64");
  slot.body_line = *body;
  if (const char *expected = slot_body_problem(slot); expected != nullptr) return reader.wrong(expected);
  return slot;
}

std::optional<std::uint64_t> parse_generation(std::string_view text) {
  const auto value = parse_int(text);
  if (!value || *value < 1 || std::to_string(*value) != text) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

}  // namespace

std::vector<std::string_view> Slot::words() const {
  return split(std::string_view(line).substr(kSlotMark.size()));
}

std::string Container::head() const {
  std::string out = fmt::format("{}\n", kMagic);
  for (const Slot &slot : slots) out += slot.line + "\n" + slot.body_line + "\n";
  return out + fmt::format("{}{} {}\n---", kIdMark, vault_id, generation);
}

std::string Container::head_and_mac() const {
  return head() + " " + base64_encode(mac) + "\n";
}

Result<Container> parse_container(std::string_view text, std::string_view where) {
  Reader reader(text, where);
  if (text.size() > kMaxFileSize)
    return fail(Status::VaultCorrupt, fmt::format("the vault {} has more than {} bytes", where, kMaxFileSize));
  const auto magic = reader.line();
  if (!magic || *magic != kMagic) {
    if (magic && magic->starts_with(kMagicOfAnyVersion))
      return fail(
          Status::VaultCorrupt,
          fmt::format("the vault {} has another format version than {}; use the Cordon that wrote it", where, kMagic));
    return reader.wrong(fmt::format("expected \"{}\"", kMagic));
  }

  Container out;
  std::uint64_t argon2_left = kMaxArgon2Work + 1;
  while (reader.next_starts_with(kSlotMark)) {
    if (out.slots.size() == kMaxSlots) return reader.wrong(fmt::format("more than {} slots follow", kMaxSlots));
    auto slot = read_slot(reader, out.slots);
    if (!slot) return fail(std::move(slot.error()));
    out.slots.push_back(std::move(*slot));
    argon2_left -= std::min(argon2_left, argon2_work(out.slots.back()));
    if (argon2_left == 0) return reader.wrong("the passphrase slots so far ask for too much work of Argon2id");
  }
  const auto id_line = reader.line();
  if (out.slots.empty()) return reader.wrong("expected a slot");
  if (!id_line || !id_line->starts_with(kIdMark)) return reader.wrong("expected \"@ vault-id generation\"");
  const auto words = split(id_line->substr(kIdMark.size()));
  const auto generation = words.size() == 2 ? parse_generation(words[1]) : std::nullopt;
  if (!generation || !is_uuid(words[0]) || to_lower(words[0]) != words[0])
    return reader.wrong("expected \"@ vault-id generation\"");
  out.vault_id = words[0];
  out.generation = *generation;

  const auto mac_line = reader.line();
  if (!mac_line || !mac_line->starts_with(kMacMark)) return reader.wrong("expected \"--- mac\"");
  const auto mac = base64_decode(mac_line->substr(kMacMark.size()));
  if (!mac || mac->size() != kMacSize) return reader.wrong("expected a MAC of 32 bytes in unpadded base64");
  out.mac = *mac;

  out.body = reader.rest();
  const std::size_t frame = kNonceSize + kTagSize;
  if (out.body.size() <= frame || padded_size(out.body.size() - frame) != out.body.size() - frame)
    return reader.wrong(fmt::format("{} bytes follow, which is no length of a body", out.body.size()));
  return out;
}

std::size_t padded_size(std::size_t size) {
  if (size > kMib) return (size + kMib - 1) / kMib * kMib;
  return std::max(kMinPadded, std::bit_ceil(size));
}

}  // namespace cordon::vault

#include "vault/slot.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "vault/crypto.hpp"

namespace cordon::vault {
namespace {

constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kWrappedSize = kNonceSize + kKeySize + kTagSize;
constexpr std::string_view kWrapLabel = "cordon-vault/v1 slot";
constexpr std::string_view kKeyfileLabel = "cordon-vault/v1 keyfile";
static_assert(kSaltSize == crypto_pwhash_argon2id_SALTBYTES);

using Words = std::vector<std::string_view>;

bool is_salt(std::string_view word) {
  const auto salt = base64_decode(word);
  return salt && salt->size() == kSaltSize;
}

std::optional<std::uint32_t> number_within(std::string_view word, std::uint32_t low, std::uint32_t high) {
  const auto value = parse_int(word);
  if (!value || *value < low || *value > high || std::to_string(*value) != word) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

Result<Secret> argon2id(const Secret &passphrase, const std::string &salt, PassphraseCost cost) {
  Secret key = Secret::zeros(kKeySize);
  if (crypto_pwhash(key.bytes(), key.size(), passphrase.reveal().data(), passphrase.size(),
                    reinterpret_cast<const unsigned char *>(salt.data()), cost.passes,
                    std::size_t{cost.memory_kib} * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(Status::OutOfMemory, fmt::format("the vault's passphrase needs {} MiB of memory for a moment, which "
                                                 "are not to be had; raise the memory limit of this process",
                                                 cost.memory_kib / 1024));
  return key;
}

const char *argon2id_problem(const Words &words) {
  if (words.size() != 5 || !is_salt(words[2])) return "expected \"-> argon2id id salt passes memory\"";
  if (!number_within(words[3], 1, kMaxPasses)) return "expected 1 to 10 passes of Argon2id";
  if (!number_within(words[4], kMinMemoryKib, kMaxMemoryKib)) return "expected 65536 to 1048576 KiB for Argon2id";
  return nullptr;
}

PassphraseCost cost_of(const Words &words) {
  return {number_within(words[3], 1, kMaxPasses).value(),
          number_within(words[4], kMinMemoryKib, kMaxMemoryKib).value()};
}

Result<Secret> argon2id_key(const Words &words, const Secret &passphrase) {
  return argon2id(passphrase, base64_decode(words[2]).value(), cost_of(words));
}

const char *keyfile_problem(const Words &words) {
  return words.size() == 3 && is_salt(words[2]) ? nullptr : "expected \"-> keyfile id salt\"";
}

Result<Secret> keyfile_key(const Words &words, const Secret &key) {
  return derive(key, kKeyfileLabel, {base64_decode(words[2]).value()});
}

struct SlotKind {
  std::string_view name;
  Credential::Kind opened_by;
  const char *(*problem)(const Words &);
  Result<Secret> (*wrapping_key)(const Words &, const Secret &);
};
constexpr SlotKind kKinds[] = {
    {"argon2id", Credential::Kind::Passphrase, argon2id_problem, argon2id_key},
    {"keyfile", Credential::Kind::Key, keyfile_problem, keyfile_key},
};

const SlotKind *find_kind(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const SlotKind &kind) { return kind.name == name; });
  return found == std::end(kKinds) ? nullptr : found;
}

std::string associated_with(std::string_view vault_id, std::string_view slot_line) {
  return join_fields({kWrapLabel, vault_id, slot_line});
}

}  // namespace

const char *slot_line_problem(const Slot &slot) {
  const SlotKind *kind = find_kind(slot.kind());
  return kind == nullptr ? nullptr : kind->problem(slot.words());
}

const char *slot_body_problem(const Slot &slot) {
  if (find_kind(slot.kind()) == nullptr || base64_decode(slot.body_line)->size() == kWrappedSize) return nullptr;
  return "expected a wrapped key of 72 bytes";
}

bool is_known_slot(const Slot &slot) {
  return find_kind(slot.kind()) != nullptr;
}

std::uint64_t argon2_work(const Slot &slot) {
  if (slot.kind() != "argon2id") return 0;
  const PassphraseCost cost = cost_of(slot.words());
  return std::uint64_t{cost.passes} * cost.memory_kib;
}

std::optional<Secret> open_slot(const Container &container, const PreparedSlot &prepared) {
  for (const Slot &slot : container.slots)
    if (slot.line == prepared.line)
      return unseal(prepared.wrapping_key, base64_decode(slot.body_line).value(),
                    associated_with(container.vault_id, slot.line));
  return std::nullopt;
}

Result<OpenedSlot> open_slots(const Container &container, const Credential &credential, std::string_view where) {
  bool tried = false;
  for (const Slot &slot : container.slots) {
    const SlotKind *kind = find_kind(slot.kind());
    if (kind == nullptr || kind->opened_by != credential.kind) continue;
    tried = true;
    auto wrapping_key = kind->wrapping_key(slot.words(), credential.secret);
    if (!wrapping_key) return fail(std::move(wrapping_key.error()));
    PreparedSlot prepared{slot.line, std::move(*wrapping_key)};
    if (auto store_key = open_slot(container, prepared)) return OpenedSlot{std::move(*store_key), std::move(prepared)};
  }
  const char *const name = credential.kind == Credential::Kind::Key ? "key" : "passphrase";
  if (!tried)
    return fail(Status::VaultWrongKey,
                fmt::format("the vault {} has no slot for a {}; open it another way", where, name));
  return fail(Status::VaultWrongKey,
              fmt::format("the {} does not open the vault {}; give the one it was made with", name, where));
}

Result<PreparedSlot> prepare_slot(const Credential &credential, PassphraseCost cost, Random &random) {
  const std::string salt = base64_encode(random_bytes(kSaltSize, random));
  std::string id;
  for (const char byte : random_bytes(4, random)) id += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  Slot slot;
  if (credential.kind == Credential::Kind::Key)
    slot.line = fmt::format("-> keyfile {} {}", id, salt);
  else
    slot.line = fmt::format("-> argon2id {} {} {} {}", id, salt, cost.passes, cost.memory_kib);
  if (const char *expected = slot_line_problem(slot); expected != nullptr)
    return fail(Status::InvalidArgument,
                fmt::format("the cost of the vault's passphrase is out of limits: {}", expected));
  auto key = find_kind(slot.kind())->wrapping_key(slot.words(), credential.secret);
  if (!key) return fail(std::move(key.error()));
  PreparedSlot prepared;
  prepared.line = std::move(slot.line);
  prepared.wrapping_key = std::move(*key);
  return prepared;
}

Slot wrap(const PreparedSlot &prepared, std::string_view vault_id, const Secret &store_key, Random &random) {
  Slot slot;
  slot.line = prepared.line;
  slot.body_line =
      base64_encode(seal(prepared.wrapping_key, store_key.reveal(), associated_with(vault_id, prepared.line), random));
  return slot;
}

}  // namespace cordon::vault

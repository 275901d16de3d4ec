#include "vault/payload.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "base/secure_json.hpp"
#include "vault/crypto.hpp"
#include "vault/format.hpp"

namespace cordon::vault {
namespace {

constexpr char kPaddingMark = '\x80';
constexpr std::size_t kRoomForHead = kMaxSlots * 1024;
constexpr int kMaxDepth = 8;
constexpr const char *kFormerKeys = "former_keys";

SecureString secure(std::string_view text) {
  return SecureString(text.begin(), text.end());
}
std::string_view view(const SecureString &text) {
  return {text.data(), text.size()};
}

std::string_view text_member(const SecureJson &entry, const char *name) {
  const auto it = entry.find(name);
  return it != entry.end() && it->is_string() ? view(it->get_ref<const SecureString &>()) : std::string_view();
}

bool is_time(const SecureJson &value) {
  return value.is_string() && UtcTicks::parse(view(value.get_ref<const SecureString &>())).has_value();
}

bool is_value(const SecureJson &value) {
  if (!value.is_string()) return false;
  const auto bytes = base64_decode_secret(view(value.get_ref<const SecureString &>()));
  return bytes && !bytes->empty() && bytes->size() <= kMaxSecretSize;
}

bool is_entry(const SecureJson &entry) {
  return entry.is_object() && entry.contains("created") && is_time(entry["created"]) && entry.contains("not_after") &&
         (entry["not_after"].is_null() || is_time(entry["not_after"])) && entry.contains("purpose") &&
         entry["purpose"].is_string() && text_member(entry, "purpose").size() <= kMaxPurpose &&
         entry.contains("value") && is_value(entry["value"]);
}

SecureJson text_json(std::string_view text) {
  return SecureJson(secure(text));
}

bool is_former_key(const SecureJson &key) {
  if (!key.is_string()) return false;
  const auto bytes = base64_decode_secret(view(key.get_ref<const SecureString &>()));
  return bytes && bytes->size() == kKeySize;
}

bool are_former_keys(const SecureJson &keys) {
  return keys.is_array() && keys.size() <= kMaxFormerKeys && std::all_of(keys.begin(), keys.end(), is_former_key);
}

/// At most kMaxDepth calls deep.
bool has_only_integers(const SecureJson &json) {
  return !json.is_number_float() && (!json.is_structured() || std::all_of(json.begin(), json.end(), has_only_integers));
}

SecretNote note_of(const SecureJson &entry) {
  SecretNote note;
  note.purpose = text_member(entry, "purpose");
  note.not_after = UtcTicks::parse(text_member(entry, "not_after")).value_or(UtcTicks());
  return note;
}

void write_note(SecureJson &entry, const SecretNote &note) {
  entry["not_after"] = note.not_after.is_set() ? text_json(note.not_after.str()) : SecureJson(nullptr);
  entry["purpose"] = text_json(note.purpose);
}

}  // namespace

bool is_secret_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

Payload::Payload() : root_(SecureJson::value_t::object) {
  root_["secrets"] = SecureJson(SecureJson::value_t::object);
}

Result<Payload> Payload::parse(const Secret &padded, std::string_view where) {
  const auto wrong = [&](std::string_view what) {
    return fail(Status::VaultCorrupt, fmt::format("the vault {} opens, but {}; restore it from a backup", where, what));
  };
  std::string_view text = padded.reveal();
  const auto mark = text.find_last_not_of('\0');
  if (mark == std::string_view::npos || text[mark] != kPaddingMark || padded_size(mark + 1) != text.size())
    return wrong("its padding is wrong");
  text = text.substr(0, mark);

  Payload payload;
  auto root = parse_secure_json(text, "its content", JsonLimits{kMaxFileSize, kMaxDepth});
  if (!root) return wrong(root.error().message);
  payload.root_ = std::move(*root);
  if (!has_only_integers(payload.root_) || view(dump_secure_json(payload.root_)) != text)
    return wrong("its content is not in canonical form");
  if (!payload.root_.is_object() || !payload.root_.contains("secrets") || !payload.root_["secrets"].is_object())
    return wrong("its content has no secrets");
  for (const auto &[name, entry] : payload.root_["secrets"].items())
    if (!is_secret_name(view(name)) || !is_entry(entry)) return wrong("a secret in it is malformed");
  if (const auto former = payload.root_.find(kFormerKeys); former != payload.root_.end() && !are_former_keys(*former))
    return wrong("its former keys are malformed");
  return payload;
}

Result<Secret> Payload::padded_text() const {
  const SecureString text = dump_secure_json(root_);
  const std::size_t size = padded_size(text.size() + 1);
  if (size + kNonceSize + kTagSize + kRoomForHead > kMaxFileSize)
    return fail(Status::InvalidArgument, "the vault is full: its file may have at most 16 MiB; remove secrets from it");
  Secret padded;
  padded.reserve(size);
  padded.append(view(text));
  padded.push_back(kPaddingMark);
  padded.resize(size);
  return padded;
}

std::vector<Payload::Entry> Payload::entries() const {
  std::vector<Entry> out;
  for (const auto &[name, json] : root_["secrets"].items()) {
    Entry entry;
    entry.name = view(name);
    entry.note = note_of(json);
    entry.created = UtcTicks::parse(text_member(json, "created")).value_or(UtcTicks());
    entry.value = base64_decode_secret(text_member(json, "value")).value_or(Secret());
    out.push_back(std::move(entry));
  }
  return out;
}

void Payload::put(const Entry &entry) {
  SecureJson &json = root_["secrets"][secure(entry.name)];
  if (!json.is_object()) json = SecureJson(SecureJson::value_t::object);
  json["created"] = text_json(entry.created.str());
  write_note(json, entry.note);
  json["value"] = text_json(base64_encode_secret(entry.value.reveal()).reveal());
}

bool Payload::erase(std::string_view name) {
  return root_["secrets"].erase(secure(name)) != 0;
}

std::optional<SecretNote> Payload::note(std::string_view name) const {
  const auto entry = root_["secrets"].find(secure(name));
  if (entry == root_["secrets"].end()) return std::nullopt;
  return note_of(*entry);
}

bool Payload::set_note(std::string_view name, const SecretNote &note) {
  const auto entry = root_["secrets"].find(secure(name));
  if (entry == root_["secrets"].end()) return false;
  write_note(*entry, note);
  return true;
}

std::vector<Secret> Payload::former_keys() const {
  std::vector<Secret> out;
  if (const auto former = root_.find(kFormerKeys); former != root_.end())
    for (const SecureJson &key : *former)
      out.push_back(base64_decode_secret(view(key.get_ref<const SecureString &>())).value_or(Secret()));
  return out;
}

void Payload::add_former_key(const Secret &key) {
  SecureJson keys(SecureJson::value_t::array);
  keys.push_back(text_json(base64_encode_secret(key.reveal()).reveal()));
  if (const auto former = root_.find(kFormerKeys); former != root_.end())
    for (const SecureJson &older : *former)
      if (keys.size() < kMaxFormerKeys) keys.push_back(older);
  root_[kFormerKeys] = std::move(keys);
}

}  // namespace cordon::vault

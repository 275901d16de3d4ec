#include "vault/kept_secrets.hpp"

#include <fmt/format.h>

#include "vault/crypto.hpp"

namespace cordon::vault {

KeptSecrets::KeptSecrets(Random &random) : random_(random), key_(random_key(random)) {}

void KeptSecrets::replace_all(const std::vector<Payload::Entry> &entries) {
  kept_.clear();
  for (const Payload::Entry &entry : entries) put(entry);
}

void KeptSecrets::put(const Payload::Entry &entry) {
  Kept &kept = kept_[entry.name];
  kept.note = entry.note;
  kept.created = entry.created;
  kept.sealed = seal(key_, entry.value.reveal(), entry.name, random_);
}

bool KeptSecrets::erase(std::string_view name) {
  const auto it = kept_.find(name);
  if (it == kept_.end()) return false;
  kept_.erase(it);
  return true;
}

std::optional<Secret> KeptSecrets::get(std::string_view name) const {
  const auto it = kept_.find(name);
  if (it == kept_.end()) return std::nullopt;
  return unseal(key_, it->second.sealed, it->first);
}

bool KeptSecrets::set_note(std::string_view name, const SecretNote &note) {
  const auto it = kept_.find(name);
  if (it == kept_.end()) return false;
  it->second.note = note;
  return true;
}

std::optional<SecretNote> KeptSecrets::note(std::string_view name) const {
  const auto it = kept_.find(name);
  if (it == kept_.end()) return std::nullopt;
  return it->second.note;
}

Json KeptSecrets::warnings(UtcTicks now, std::chrono::nanoseconds notice) const {
  Json out = Json::array();
  for (const auto &[name, kept] : kept_) {
    const UtcTicks end = kept.note.not_after;
    if (!end.is_set() || end > now + notice) continue;
    const bool over = end <= now;
    const auto days = std::chrono::duration_cast<std::chrono::hours>(end - now).count() / 24;
    out.push_back({{"kind", over ? "secret_expired" : "secret_expires"},
                   {"name", name},
                   {"not_after", end.str()},
                   {"message", over ? fmt::format("secret {} has expired on {}; store its successor", name, end.str())
                                    : fmt::format("secret {} expires on {}, in {} days; store its successor in time",
                                                  name, end.str(), days)}});
  }
  return out;
}

Json KeptSecrets::list() const {
  Json out = Json::array();
  for (const auto &[name, kept] : kept_)
    out.push_back({{"name", name},
                   {"purpose", kept.note.purpose},
                   {"created", kept.created.str()},
                   {"not_after", kept.note.not_after.is_set() ? Json(kept.note.not_after.str()) : Json(nullptr)}});
  return out;
}

}  // namespace cordon::vault

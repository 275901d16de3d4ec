#include <fmt/format.h>

#include <algorithm>

#include "vault/vault.hpp"

namespace cordon::vault {

Result<Settings> Settings::from_json(const Json &vault, const std::string &pointer) {
  const auto wrong = [&](std::string_view member, std::string_view expected) {
    const std::string place = pointer + (member.empty() ? "" : "/" + json_pointer_token(member));
    return fail(Error(Status::InvalidArgument, fmt::format("config at {}: {}", place, expected)).at(place));
  };
  Settings settings;
  if (vault.is_null()) {
    settings.absent = true;
    return settings;
  }
  if (!vault.is_object()) return wrong("", "must be null or an object with the vault's file");
  constexpr std::string_view kMembers[] = {"file", "unlock", "require_mlock"};
  for (const auto &[member, value] : vault.items())
    if (std::find(std::begin(kMembers), std::end(kMembers), member) == std::end(kMembers))
      return wrong(member, "unknown key");

  if (!vault.contains("file"))
    return wrong("", "needs the key file: an absolute path, or null to keep secrets in memory");
  if (const Json &file = vault["file"]; !file.is_null()) {
    const std::string path = file.is_string() ? file.get<std::string>() : "";
    if (!path.starts_with('/') || path.ends_with('/') || path.find('\0') != std::string::npos)
      return wrong("file", "must be the absolute path of a file, or null");
    settings.file = path;
  }
  if (vault.contains("require_mlock")) {
    if (!vault["require_mlock"].is_boolean()) return wrong("require_mlock", "must be true or false");
    settings.require_mlock = vault["require_mlock"].get<bool>();
  }
  if (!vault.contains("unlock")) return settings;
  if (!vault["unlock"].is_array()) return wrong("unlock", "must be a list of key sources");
  if (vault["unlock"].size() > kMaxSlots)
    return wrong("unlock", fmt::format("has more than {} key sources", kMaxSlots));
  for (std::size_t i = 0; i < vault["unlock"].size(); ++i) {
    auto source = KeySource::from_json(vault["unlock"][i], fmt::format("{}/unlock/{}", pointer, i));
    if (!source) return fail(std::move(source.error()));
    settings.unlock.push_back(std::move(*source));
  }
  return settings;
}

}  // namespace cordon::vault

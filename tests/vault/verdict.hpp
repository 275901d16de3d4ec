#pragma once

#include <map>
#include <string>
#include <string_view>

#include "vault/format.hpp"
#include "vault/slot.hpp"
#include "vault/vault_state.hpp"

namespace cordon::vault {

/// What this reader says of a vault's text, in the words of the vectors (tests/vectors/vault/make.py): "malformed",
/// "wrong-key", "corrupt", or "ok" with its secrets. Anything else is a defect.
inline std::string verdict(std::string_view text, const Credential &credential,
                           std::multimap<std::string, std::string> &secrets) {
  auto container = parse_container(text, "file");
  if (!container) return container.error().status == Status::VaultCorrupt ? "malformed" : "another status";
  if (container->text() != text) return "accepted text that is not canonical";
  auto slot = open_slots(*container, credential, "file");
  if (!slot) return slot.error().status == Status::VaultWrongKey ? "wrong-key" : "another status";
  auto opened = open_container(std::move(*container), std::move(*slot), "file");
  if (!opened) return opened.error().status == Status::VaultCorrupt ? "corrupt" : "another status";
  for (const Payload::Entry &entry : opened->payload.entries())
    secrets.emplace(entry.name, std::string(entry.value.reveal()));
  return "ok";
}

}  // namespace cordon::vault

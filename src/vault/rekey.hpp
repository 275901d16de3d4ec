#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "vault/slot.hpp"

namespace cordon::vault {

/// What is to change about a vault's keys.
struct RekeyRequest {
  enum class Action {
    AddSlot,         ///< a slot for the new secret
    ReplaceSlot,     ///< the same, and one slot goes, in one save: a changed passphrase, cost or key
    RemoveSlot,      ///< one slot goes; the store key stays, so this revokes nothing
    Rotate,          ///< a new store key: slots whose credential is at hand stay, the others must be dropped by name
    AcceptRestored,  ///< an older copy was put in place on purpose: counted above every generation that was seen
  };
  Action action = Action::Rotate;
  std::optional<Credential::Kind> kind;  ///< of the new secret
  std::string slot;                      ///< id; empty for ReplaceSlot: the only slot of that kind
  std::vector<std::string> drop_slots;   ///< Rotate: ids
  std::optional<PassphraseCost> cost;    ///< of the new slot; not set: as configured

  /// Reads the options of cordon_vault_rekey (documented there). INVALID_ARGUMENT with the pointer.
  static Result<RekeyRequest> from_json(const Json &options);
};

/// What was changed, for the journal: "slot_added", …, and the slot's id or an empty text.
struct RekeyReport {
  std::string change;
  std::string slot;
};

}  // namespace cordon::vault

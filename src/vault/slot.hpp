#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"
#include "vault/format.hpp"

/// Key slots: each wraps the store key for one credential (FORMAT.md). [any-thread]
namespace cordon::vault {

/// What a person or a key source brings to open the vault.
struct Credential {
  enum class Kind { Key, Passphrase };
  Kind kind;
  Secret secret;  ///< Key: 32 bytes; Passphrase: 1 to kMaxPassphrase bytes
};
constexpr std::size_t kMaxPassphrase = 4096;

/// Cost of a passphrase slot made by this client; slots that are read carry their own.
struct PassphraseCost {
  std::uint32_t passes = 3;
  std::uint32_t memory_kib = 256 * 1024;
};
constexpr std::uint32_t kMinMemoryKib = 64 * 1024;
constexpr std::uint32_t kMaxMemoryKib = 1024 * 1024;
constexpr std::uint32_t kMaxPasses = 10;
/// Passes × KiB over all slots of a file, so that a hostile one can't make its reader work for hours: sixteen slots of
/// the cost above.
constexpr std::uint64_t kMaxArgon2Work = 16ull * 3 * 256 * 1024;

/// What a known kind of slot must look like and does not; nullptr when it is right or of an unknown kind. Run before
/// any key is derived, so that a hostile file can't make the reader pay for it.
const char *slot_line_problem(const Slot &slot);
const char *slot_body_problem(const Slot &slot);
/// True for the kinds that this library can open.
bool is_known_slot(const Slot &slot);
/// Passes × KiB of a slot that was found right; 0 for those without Argon2id.
std::uint64_t argon2_work(const Slot &slot);

/// A slot's line with its wrapping key: enough to open the slot, or to make it anew for another store key, without the
/// credential and without deriving again. What is slow is done before any lock is taken.
struct PreparedSlot {
  std::string line;
  Secret wrapping_key;

  PreparedSlot clone() const { return {line, wrapping_key.clone()}; }
};

/// What a credential opened.
struct OpenedSlot {
  Secret store_key;
  PreparedSlot slot;
};

/// The store key, by the first slot that the credential opens. VAULT_WRONG_KEY when none does; OUT_OF_MEMORY when there
/// is not enough of it for Argon2id. Takes about a second per passphrase slot.
Result<OpenedSlot> open_slots(const Container &container, const Credential &credential, std::string_view where);
/// The store key, if the container has this very slot line and the wrapping key opens its body.
std::optional<Secret> open_slot(const Container &container, const PreparedSlot &prepared);

/// INVALID_ARGUMENT for a cost out of limits; OUT_OF_MEMORY.
Result<PreparedSlot> prepare_slot(const Credential &credential, PassphraseCost cost, Random &random);
Slot wrap(const PreparedSlot &prepared, std::string_view vault_id, const Secret &store_key, Random &random);

}  // namespace cordon::vault

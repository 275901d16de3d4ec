#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"
#include "vault/key_source.hpp"
#include "vault/payload.hpp"
#include "vault/rekey.hpp"
#include "vault/slot.hpp"

namespace cordon::vault {

struct Settings {
  bool absent = false;              ///< `"vault":null`: there is no vault and nothing can be kept
  std::optional<std::string> file;  ///< nullopt (and not absent): secrets live in guarded memory only
  std::vector<KeySource> unlock;    ///< in the order in which they are tried
  bool require_mlock = false;       ///< refuse to open when guarded memory can't be locked in RAM
  PassphraseCost passphrase_cost;

  /// Reads the config's `vault` member (null, or an object with file, unlock, require_mlock). Errors carry the pointer.
  static Result<Settings> from_json(const Json &vault, const std::string &pointer = "/vault");
};

/// The encrypted store of named secrets. It stays encrypted in memory and is opened per use; a file changed by another
/// process is noticed before each use. [any-thread], none of the calls waits for a network; those that write may wait
/// up to ten seconds for another process that writes; `open`, `refresh` and those that write may run a key helper.
class Vault {
 public:
  /// Succeeds locked when the file is missing or no key is at hand. Errors: VAULT_CORRUPT, VAULT_WRONG_KEY,
  /// VAULT_PERMISSIONS; INVALID_STATE when `require_mlock` can't be kept. `random` and `clock` must outlive the vault.
  static Result<std::unique_ptr<Vault>> open(Settings settings, Random &random, const Clock &clock);
  ~Vault();
  Vault(const Vault &) = delete;
  Vault &operator=(const Vault &) = delete;

  /// True when secrets can be read: store key at hand, or kept in memory.
  bool unlocked() const;
  /// True when a store key is at hand that outlives the process.
  bool durable() const;

  /// `kind`: "key" (32 bytes or 64 hex digits) or "passphrase" (1 to 4096 bytes; Argon2id runs on this thread, for
  /// about a second). Without a file yet, the secret is remembered and becomes a slot of the file that the first `set`
  /// creates. Errors: VAULT_CORRUPT for an older copy, which `rekey` can accept then; VAULT_WRONG_KEY (what was open
  /// stays open), INVALID_ARGUMENT, INVALID_STATE (nothing to unlock).
  Result<void> unlock(std::string_view kind, Secret secret);

  /// Looks at file and key sources again if the vault is not open or has changed, a key helper included; `get` asks no
  /// helper. Errors: as `get`, but NOT_FOUND.
  Result<void> refresh();
  /// Errors: VAULT_LOCKED (why, and what to do), NOT_FOUND, and those of `open` if the file has changed.
  Result<Secret> get(std::string_view name);
  /// Stores or replaces; creates the file on first use, with a slot for every key at hand. `name`: 1 to 128 of
  /// [A-Za-z0-9._-]; `value`: 1 byte to 64 KiB. Without a note a secret that is replaced keeps its purpose and loses
  /// its end. Durable when it returns.
  Result<void> set(std::string_view name, Secret value, const std::optional<SecretNote> &note = std::nullopt);
  /// Changes what a secret is stored with; what is not given stays. NOT_FOUND when there is none of that name.
  struct NoteChange {
    std::optional<std::string> purpose;
    std::optional<UtcTicks> not_after;  ///< a time that is not set: no known end
  };
  Result<void> describe(std::string_view name, const NoteChange &change);
  /// NOT_FOUND when there is none of that name.
  Result<void> remove(std::string_view name);
  /// Changes key slots or the store key, in one save. `patience`: how long to wait for another writer. Errors:
  /// INVALID_ARGUMENT with the pointer, VAULT_LOCKED, NOT_FOUND (slot), INVALID_STATE (no file; no way in would be
  /// left; slots that can't be kept) and those of `get`.
  Result<RekeyReport> rekey(const RekeyRequest &request, Secret new_secret, milliseconds patience);

  /// `{file, state, vault_id, generation, slots:[{kind,id}], secrets:[{name,purpose,created,not_after}], sources:[…],
  /// memory_locked, warnings:[{kind,message,…}], problem}`; state: "absent" "memory" "missing" "locked" "unlocked"
  /// "rolled_back" "unusable". Never a value.
  Json status();

  /// A key for wrapping a secret that lies elsewhere, and a name by which to know what it wrapped.
  struct WrappingKey {
    std::string name;  ///< "<vault id>/<16 hex digits>", of its own for each store key
    Secret key;        ///< 32 bytes
  };
  /// First that of the present store key, then those of its predecessors, the newest first. VAULT_LOCKED when the vault
  /// is not open; INVALID_STATE without a file.
  Result<std::vector<WrappingKey>> wrapping_keys(std::string_view label) const;

  /// Somebody saw this generation of this vault: a file with a lower one is an old copy. [any-thread]
  void expect_generation(std::string_view vault_id, std::uint64_t at_least);
  std::string vault_id() const;      ///< UUID; empty while there is no store
  std::uint64_t generation() const;  ///< of the content last read or written; 0: none

 private:
  struct State;
  template <class F>
  Result<void> change_secret(std::string_view name, F change);
  explicit Vault(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cordon::vault

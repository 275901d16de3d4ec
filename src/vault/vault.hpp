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
/// up to ten seconds for another process that writes.
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
  /// True when a store key exists that outlives the process, i.e. `derive` gives the same bytes next time.
  bool durable() const;

  /// `kind`: "key" (32 bytes or 64 hex digits) or "passphrase" (1 to 4096 bytes; Argon2id runs on this thread, for
  /// about a second). Without a file yet, the secret is remembered and becomes a slot of the file that the first `set`
  /// creates. Errors: VAULT_WRONG_KEY (what was open stays open), INVALID_ARGUMENT, INVALID_STATE (nothing to unlock).
  Result<void> unlock(std::string_view kind, Secret secret);

  /// Looks at file and key sources again if the vault is not open or has changed. Errors: as `get`, but NOT_FOUND.
  Result<void> refresh();
  /// Errors: VAULT_LOCKED (why, and what to do), NOT_FOUND, and those of `open` if the file has changed.
  Result<Secret> get(std::string_view name);
  /// Stores or replaces; creates the file on first use, with a slot for every key at hand. `name`: 1 to 128 of
  /// [A-Za-z0-9._-]; `value`: 1 byte to 64 KiB. Durable when it returns.
  Result<void> set(std::string_view name, Secret value, const SecretNote &note = {});
  /// NOT_FOUND when there is none of that name.
  Result<void> remove(std::string_view name);
  /// Not offered by this version: NOT_SUPPORTED.
  Result<void> rekey(const Json &options, Secret new_secret);

  /// `{file, state, vault_id, generation, slots:[{kind,id}], secrets:[{name,purpose,created,not_after}], sources:[…],
  /// memory_locked, problem}`; state: "absent" "memory" "missing" "locked" "unlocked" "unusable". Never a value.
  Json status();

  /// 32 bytes for a use named by `label` and `context`, from the store key. VAULT_LOCKED without one; INVALID_STATE
  /// when not durable.
  Result<Secret> derive(std::string_view label, const std::vector<std::string_view> &context) const;
  std::string vault_id() const;      ///< UUID; empty while there is no store
  std::uint64_t generation() const;  ///< of the content last read or written; 0: none

 private:
  struct State;
  explicit Vault(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cordon::vault

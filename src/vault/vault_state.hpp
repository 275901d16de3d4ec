#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vault/format.hpp"
#include "vault/kept_secrets.hpp"
#include "vault/vault.hpp"
#include "vault/vault_file.hpp"

namespace cordon::vault {

/// A secret given by `unlock` before there was a file; `slot` is what it becomes in the first one.
struct Remembered {
  Credential credential;
  PreparedSlot slot;
};

/// A container that a key at hand opened.
struct Opened {
  Container container;
  Secret store_key;
  Payload payload;
  std::optional<PreparedSlot> slot;  ///< that opened it; not set: the store key was known
};

Result<Opened> open_container(Container container, Secret store_key, std::string_view where);
Result<Opened> open_container(Container container, OpenedSlot opened, std::string_view where);

/// What a vault knows of its file. Unless said otherwise, everything below `mutex` is called and changed with it held;
/// neither a helper, nor Argon2id, nor the wait for the file's lock happens under it, but for a remembered passphrase
/// whose file another process made.
struct Vault::State {
  State(Settings settings_, Random &random_, const Clock &clock_);

  bool in_memory() const { return !settings.absent && !settings.file; }

  const Settings settings;
  Random &random;
  const Clock &clock;
  const VaultFile file;

  std::mutex mutex;
  KeptSecrets kept;
  std::optional<Secret> store_key;
  std::vector<Secret> former_keys;
  VaultFile::Version version;
  std::string vault_id;
  std::uint64_t generation = 0;
  std::vector<Remembered> remembered;
  std::vector<PreparedSlot> held;  ///< slots opened here: they open the file again after its store key was rotated
  std::string floor_id;            ///< a vault of which others saw `floor`
  std::uint64_t floor = 0;
  bool rolled_back = false;  ///< the file's generation is lower than one that was seen

  /// Brings memory up to the file's present content. Success means unlocked; after an error nothing is kept. Runs no
  /// helper: VAULT_LOCKED when the next source is one.
  Result<void> refresh();
  void accept(const Opened &opened, VaultFile::Version found);
  void hold(const PreparedSlot &slot);
  /// Unless a newer content is known. [without mutex]
  void accept_if_newest(const Opened &opened, VaultFile::Version found);
  Result<Opened> open(Container container) const;
  enum class Age { NotOlderThanSeen, Any };
  Result<Container> parse(const VaultFile::Content &content, Age age = Age::NotOlderThanSeen);
  enum class Slow { Skip, Run };
  /// By the configured sources, in order. [without mutex too]
  Result<Opened> open_by_sources(Container container, Slow slow) const;

  using Change = std::function<Result<void>(Opened &)>;
  /// What a missing file is made with, beside the slots of what is remembered.
  struct FirstSlots {
    std::vector<PreparedSlot> slots;
    std::string why_none = "call cordon_vault_unlock with a key or passphrase first, or configure vault.unlock";
  };
  /// Reads, changes and writes; the caller holds the file's lock too. `first` null: a missing file is an error.
  Result<void> update(const Change &change, const FirstSlots *first, Age age = Age::NotOlderThanSeen);
  /// A slot for the key of every source; none if there is a file. [without mutex]
  Result<FirstSlots> first_slots() const;

  void forget();

 private:
  Result<Opened> make_first(const FirstSlots &given) const;
  Result<Opened> present(const std::optional<VaultFile::Content> &content, const FirstSlots *first, Age age);
  tl::unexpected<Error> missing() const;
};

/// INVALID_ARGUMENT for an unknown kind, or a secret that can't be of that kind.
Result<Credential> credential_of(std::string_view kind, Secret secret);

}  // namespace cordon::vault

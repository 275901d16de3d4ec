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
};

Result<Opened> open_container(Container container, Secret store_key, std::string_view where);

/// What a vault knows of its file. Everything below `mutex` is called and changed with it held; neither Argon2id nor
/// the wait for the file's lock happens under it, but for a remembered passphrase whose file another process made.
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
  VaultFile::Version version;
  std::string vault_id;
  std::uint64_t generation = 0;
  std::vector<Remembered> remembered;

  /// Brings memory up to the file's present content. Success means unlocked; after an error nothing is kept.
  Result<void> refresh();
  void accept(const Opened &opened, VaultFile::Version found);
  Result<Opened> open(Container container);
  Result<Container> parse(const VaultFile::Content &content) const;
  /// Reads, changes and writes; the caller holds the file's lock too. `create`: a missing file is made.
  Result<void> update(const std::function<Result<void>(Payload &)> &change, bool create);

 private:
  Result<Secret> find_store_key(const Container &container) const;
  Result<Opened> make_first() const;
  Result<std::vector<PreparedSlot>> first_slots() const;
  tl::unexpected<Error> missing() const;
  void forget();
};

}  // namespace cordon::vault

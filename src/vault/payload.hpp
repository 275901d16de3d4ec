#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secure.hpp"
#include "base/utc.hpp"

namespace cordon::vault {

constexpr std::size_t kMaxSecretSize = 64 * 1024;
constexpr std::size_t kMaxPurpose = 256;
constexpr std::size_t kMaxFormerKeys = 16;

/// What a secret is stored with; never secret itself, but encrypted all the same.
struct SecretNote {
  std::string purpose;  ///< at most kMaxPurpose bytes of UTF-8, for people
  UtcTicks not_after;   ///< not set: no known end
};

/// 1 to 128 of [A-Za-z0-9._-].
bool is_secret_name(std::string_view name) noexcept;

/// The plain body of a vault: named secrets as JSON in guarded memory (FORMAT.md). Members that this version does not
/// know survive a change. Confined to one thread.
class Payload {
 public:
  struct Entry {
    std::string name;
    SecretNote note;
    UtcTicks created;
    Secret value;
  };

  Payload();
  /// From the padded text; VAULT_CORRUPT, with `where` as the file's name.
  static Result<Payload> parse(const Secret &padded, std::string_view where);
  /// Canonical JSON, padded. INVALID_ARGUMENT when the vault would be too large.
  Result<Secret> padded_text() const;

  std::vector<Entry> entries() const;
  /// Stores or replaces; the entry was checked.
  void put(const Entry &entry);
  bool erase(std::string_view name);
  /// The note of a stored secret; nullopt: there is none of that name.
  std::optional<SecretNote> note(std::string_view name) const;
  /// False when there is no secret of that name.
  bool set_note(std::string_view name, const SecretNote &note);

  /// The export keys (sealed.hpp) of the vault's former store keys, the newest first: what was wrapped with one of them
  /// elsewhere, a ledger's key, can be wrapped anew after the store key was rotated.
  std::vector<Secret> former_keys() const;
  /// Puts one in front; the oldest beyond kMaxFormerKeys goes.
  void add_former_key(const Secret &key);

 private:
  SecureJson root_;
};

}  // namespace cordon::vault

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"
#include "ledger/field_hash.hpp"

namespace cordon::ledger {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kMacSize = 32;

/// A ledger key as it lies in the ledger: encrypted under somebody's wrapping key.
struct KeyWrap {
  KeyWrap() = default;
  KeyWrap(std::int64_t key_id_, std::string name_, std::string sealed_)
      : key_id(key_id_), name(std::move(name_)), sealed(std::move(sealed_)) {}
  std::int64_t key_id = 0;
  std::string name;    ///< whose wrapping key: a vault's id, or "ledger.key"
  std::string sealed;  ///< nonce and XChaCha20-Poly1305 ciphertext
};

/// Encrypts `key` under `wrapping_key`, bound to the ledger's id, the key's id and the wrap's name.
Result<KeyWrap> wrap_key(const Secret &key, std::int64_t key_id, const Secret &wrapping_key, const std::string &name,
                         std::string_view ledger_id, Random &random);
/// VaultWrongKey if it does not open.
Result<Secret> unwrap_key(const KeyWrap &wrap, const Secret &wrapping_key, std::string_view ledger_id);

/// Whether `signature` is that of `message` by the holder of the secret half of `public_key`.
bool is_signed(std::string_view message, std::string_view signature, std::string_view public_key);

/// The ledger's own key, once it is known, and what is done with it. set() happens once; after it all is [any-thread].
class Keyring {
 public:
  bool has_key() const noexcept { return ready_.load(std::memory_order_acquire); }
  std::int64_t key_id() const noexcept { return key_id_; }
  bool in_file() const noexcept { return has_key() && in_file_.load(std::memory_order_relaxed); }
  void set_in_file(bool in_file) noexcept { in_file_.store(in_file, std::memory_order_relaxed); }

  void set(std::int64_t key_id, Secret key, bool in_file);
  const Secret &key() const noexcept { return key_; }
  bool equals(const Secret &key) const noexcept { return has_key() && key_.equals(key); }

  /// A keyed hash of a record that begins with the previous one's MAC.
  FieldHash mac(std::string_view previous) const;

  /// Ed25519, by a key that is derived from the ledger's: 64 bytes. Needs the key.
  std::string sign(std::string_view message) const;
  /// 32 bytes; empty without the key.
  const std::string &public_key() const noexcept { return public_key_; }

  /// Key id, nonce and XChaCha20-Poly1305 ciphertext, bound to `context`. VaultLocked without a key.
  Result<std::string> seal(std::string_view context, const Secret &secret, Random &random) const;
  /// Status::Ledger if it was sealed under another key or context, or was changed.
  Result<Secret> open(std::string_view context, std::string_view sealed) const;

 private:
  std::atomic<bool> ready_ = false;
  std::atomic<bool> in_file_ = false;
  std::int64_t key_id_ = 0;
  Secret key_;
  Secret mac_key_;
  Secret seal_key_;
  Secret signing_key_;
  std::string public_key_;
};

}  // namespace cordon::ledger

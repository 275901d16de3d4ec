#include "ledger/keyring.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <cstring>
#include <new>
#include <optional>

namespace cordon::ledger {
namespace {

constexpr std::size_t kNonceSize = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == kKeySize);

const unsigned char *bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char *>(text.data());
}
unsigned char *bytes(std::string &text) {
  return reinterpret_cast<unsigned char *>(text.data());
}

std::string little_endian(std::uint64_t number) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}

std::string with_length(std::string_view text) {
  return little_endian(text.size()) + std::string(text);
}

std::string encrypt(const Secret &key, const Secret &plain, std::string_view bound_to, Random &random) {
  std::string out(kNonceSize + plain.size() + kTagSize, '\0');
  random.fill(out.data(), kNonceSize);
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(out) + kNonceSize, nullptr, plain.bytes(), plain.size(),
                                             bytes(bound_to), bound_to.size(), nullptr, bytes(out), key.bytes());
  return out;
}

std::optional<Secret> decrypt(const Secret &key, std::string_view sealed, std::string_view bound_to) {
  if (sealed.size() < kNonceSize + kTagSize) return std::nullopt;
  Secret plain = Secret::zeros(sealed.size() - kNonceSize - kTagSize);
  const int bad = crypto_aead_xchacha20poly1305_ietf_decrypt(
      plain.bytes(), nullptr, nullptr, bytes(sealed) + kNonceSize, sealed.size() - kNonceSize, bytes(bound_to),
      bound_to.size(), bytes(sealed), key.bytes());
  if (bad != 0) return std::nullopt;
  return plain;
}

Secret derive(const Secret &key, std::string_view label) {
  Secret out = Secret::zeros(kKeySize);
  crypto_generichash(out.bytes(), out.size(), bytes(label), label.size(), key.bytes(), key.size());
  return out;
}

std::string wrap_context(const KeyWrap &wrap, std::string_view ledger_id) {
  return with_length("cordon-ledger-key/1") + with_length(ledger_id) +
         little_endian(static_cast<std::uint64_t>(wrap.key_id)) + with_length(wrap.name);
}

}  // namespace

Result<KeyWrap> wrap_key(const Secret &key, std::int64_t key_id, const Secret &wrapping_key, const std::string &name,
                         std::string_view ledger_id, Random &random) {
  if (wrapping_key.size() != kKeySize)
    return fail(Status::Internal, fmt::format("the ledger's wrapping key must be {} bytes", kKeySize));
  KeyWrap wrap(key_id, name, {});
  wrap.sealed = encrypt(wrapping_key, key, wrap_context(wrap, ledger_id), random);
  return wrap;
}

Result<Secret> unwrap_key(const KeyWrap &wrap, const Secret &wrapping_key, std::string_view ledger_id) {
  std::optional<Secret> key;
  if (wrapping_key.size() == kKeySize) key = decrypt(wrapping_key, wrap.sealed, wrap_context(wrap, ledger_id));
  if (!key || key->size() != kKeySize)
    return fail(
        Status::VaultWrongKey,
        fmt::format("the ledger's key does not open with the key of '{}'; unlock the vault this ledger was used "
                    "with, or give the ledger's directory to the vault it belongs to",
                    wrap.name));
  return std::move(*key);
}

void Keyring::set(std::int64_t key_id, Secret key, bool in_file) {
  mac_key_ = derive(key, "cordon-ledger/1 journal");
  seal_key_ = derive(key, "cordon-ledger/1 seal");
  const Secret seed = derive(key, "cordon-ledger/1 sign");
  signing_key_ = Secret::zeros(crypto_sign_SECRETKEYBYTES);
  public_key_.resize(crypto_sign_PUBLICKEYBYTES);
  crypto_sign_seed_keypair(bytes(public_key_), signing_key_.bytes(), seed.bytes());
  key_ = std::move(key);
  key_id_ = key_id;
  set_in_file(in_file);
  ready_.store(true, std::memory_order_release);
}

FieldHash Keyring::mac(std::string_view previous) const {
  FieldHash hash(&mac_key_);
  hash.field(previous);
  return hash;
}

std::string Keyring::sign(std::string_view message) const {
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(bytes(signature), nullptr, bytes(message), message.size(), signing_key_.bytes());
  return signature;
}

bool is_signed(std::string_view message, std::string_view signature, std::string_view public_key) {
  return signature.size() == crypto_sign_BYTES && public_key.size() == crypto_sign_PUBLICKEYBYTES &&
         crypto_sign_verify_detached(bytes(signature), bytes(message), message.size(), bytes(public_key)) == 0;
}

Result<std::string> Keyring::seal(std::string_view context, const Secret &secret, Random &random) const {
  if (!has_key()) return fail(Status::VaultLocked, "the ledger has no key yet; unlock the vault first");
  const std::string id = little_endian(static_cast<std::uint64_t>(key_id_));
  return id + encrypt(seal_key_, secret, id + std::string(context), random);
}

Result<Secret> Keyring::open(std::string_view context, std::string_view sealed) const {
  if (!has_key()) return fail(Status::VaultLocked, "the ledger has no key yet; unlock the vault first");
  const std::string id = little_endian(static_cast<std::uint64_t>(key_id_));
  std::optional<Secret> secret;
  if (sealed.substr(0, id.size()) == id)
    secret = decrypt(seal_key_, sealed.substr(id.size()), id + std::string(context));
  if (!secret)
    return fail(Status::Ledger,
                "a sealed row of the ledger does not open with its key: it was changed or belongs to "
                "another ledger; it will be fetched anew");
  return std::move(*secret);
}

}  // namespace cordon::ledger

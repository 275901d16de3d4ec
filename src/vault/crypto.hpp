#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/secure.hpp"

/// The three primitives of the vault's format (FORMAT.md) and its encoding of bytes. [any-thread]
namespace cordon::vault {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kMacSize = 32;
constexpr std::size_t kNonceSize = 24;
constexpr std::size_t kTagSize = 16;

/// Each field with its length (64 bits, little endian) before it: no two lists give the same bytes.
std::string join_fields(const std::vector<std::string_view> &fields);

/// BLAKE2b-256 under `key` of the fields label, context…: a key for one use.
Secret derive(const Secret &key, std::string_view label, const std::vector<std::string_view> &context);

/// BLAKE2b-256 under `key`.
std::string mac(const Secret &key, std::string_view text);
bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

/// XChaCha20-Poly1305 with a random nonce: nonce ‖ ciphertext ‖ tag.
std::string seal(const Secret &key, std::string_view plain, std::string_view associated, Random &random);
/// nullopt when key, bytes or associated data are not those of `seal`.
std::optional<Secret> unseal(const Secret &key, std::string_view sealed, std::string_view associated);

/// Standard alphabet, no padding.
std::string base64_encode(std::string_view bytes);
/// nullopt unless `text` is exactly what base64_encode gives.
std::optional<std::string> base64_decode(std::string_view text);
Secret base64_encode_secret(std::string_view bytes);
std::optional<Secret> base64_decode_secret(std::string_view text);

Secret random_key(Random &random);
std::string random_bytes(std::size_t size, Random &random);

}  // namespace cordon::vault

#include "vault/crypto.hpp"

#include <sodium.h>

#include <algorithm>

namespace cordon::vault {
namespace {

constexpr int kBase64 = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
static_assert(kKeySize == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(kNonceSize == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(kTagSize == crypto_aead_xchacha20poly1305_ietf_ABYTES);

const unsigned char *bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char *>(text.data());
}
unsigned char *bytes_of(std::string &text) {
  return reinterpret_cast<unsigned char *>(text.data());
}

bool is_base64_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/// libsodium 1.0.18 reads some bytes above 0x7f as if they were '/', so the alphabet is checked first. It insists on
/// the whole text and on unused bits that are zero.
template <class Buffer>
bool decode_into(Buffer &out, unsigned char *bytes, std::string_view text) {
  if (text.empty()) return true;
  if (!std::all_of(text.begin(), text.end(), is_base64_digit)) return false;
  std::size_t size = 0;
  if (sodium_base642bin(bytes, out.size(), text.data(), text.size(), nullptr, &size, nullptr, kBase64) != 0)
    return false;
  out.resize(size);
  return true;
}

}  // namespace

std::string join_fields(const std::vector<std::string_view> &fields) {
  std::string out;
  for (const std::string_view field : fields) {
    for (unsigned shift = 0; shift < 64; shift += 8)
      out.push_back(static_cast<char>((std::uint64_t{field.size()} >> shift) & 0xff));
    out += field;
  }
  return out;
}

Secret derive(const Secret &key, std::string_view label, const std::vector<std::string_view> &context) {
  std::vector<std::string_view> fields{label};
  fields.insert(fields.end(), context.begin(), context.end());
  const std::string text = join_fields(fields);
  Secret out = Secret::zeros(kKeySize);
  crypto_generichash(out.bytes(), out.size(), bytes_of(text), text.size(), key.bytes(), key.size());
  return out;
}

std::string mac(const Secret &key, std::string_view text) {
  std::string out(kMacSize, '\0');
  crypto_generichash(bytes_of(out), out.size(), bytes_of(text), text.size(), key.bytes(), key.size());
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string seal(const Secret &key, std::string_view plain, std::string_view associated, Random &random) {
  std::string out = random_bytes(kNonceSize, random);
  out.resize(kNonceSize + plain.size() + kTagSize);
  unsigned char *nonce = bytes_of(out);
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonceSize, nullptr, bytes_of(plain), plain.size(),
                                             bytes_of(associated), associated.size(), nullptr, nonce, key.bytes());
  return out;
}

std::optional<Secret> unseal(const Secret &key, std::string_view sealed, std::string_view associated) {
  if (key.size() != kKeySize || sealed.size() < kNonceSize + kTagSize) return std::nullopt;
  Secret plain = Secret::zeros(sealed.size() - kNonceSize - kTagSize);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.bytes(), nullptr, nullptr, bytes_of(sealed) + kNonceSize,
                                                 sealed.size() - kNonceSize, bytes_of(associated), associated.size(),
                                                 bytes_of(sealed), key.bytes()) != 0)
    return std::nullopt;
  return plain;
}

std::string base64_encode(std::string_view bytes) {
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), kBase64), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes_of(bytes), bytes.size(), kBase64);
  out.pop_back();
  return out;
}

Secret base64_encode_secret(std::string_view bytes) {
  Secret out = Secret::zeros(sodium_base64_ENCODED_LEN(bytes.size(), kBase64));
  sodium_bin2base64(out.data(), out.size(), bytes_of(bytes), bytes.size(), kBase64);
  out.resize(out.size() - 1);
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string out(text.size(), '\0');
  if (!decode_into(out, bytes_of(out), text)) return std::nullopt;
  return out;
}

std::optional<Secret> base64_decode_secret(std::string_view text) {
  Secret out = Secret::zeros(text.size());
  if (!decode_into(out, out.bytes(), text)) return std::nullopt;
  return out;
}

Secret random_key(Random &random) {
  Secret key = Secret::zeros(kKeySize);
  random.fill(key.data(), key.size());
  return key;
}

std::string random_bytes(std::size_t size, Random &random) {
  std::string out(size, '\0');
  random.fill(out.data(), out.size());
  return out;
}

}  // namespace cordon::vault

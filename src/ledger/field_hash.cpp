#include "ledger/field_hash.hpp"

#include <sodium.h>

namespace cordon::ledger {
namespace {

constexpr std::size_t kHashSize = 32;
static_assert(sizeof(crypto_generichash_state) <= 384);

crypto_generichash_state *state_in(std::array<unsigned char, 384> &bytes) {
  return reinterpret_cast<crypto_generichash_state *>(bytes.data());
}

std::array<unsigned char, 8> eight_bytes(std::uint64_t number) {
  std::array<unsigned char, 8> out{};
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<unsigned char>(number >> (8 * i) & 0xff);
  return out;
}

}  // namespace

FieldHash::FieldHash(const Secret *key) {
  crypto_generichash_init(state_in(state_), key == nullptr ? nullptr : key->bytes(), key == nullptr ? 0 : key->size(),
                          kHashSize);
}

FieldHash &FieldHash::field(std::string_view bytes) {
  const auto length = eight_bytes(bytes.size());
  crypto_generichash_update(state_in(state_), length.data(), length.size());
  crypto_generichash_update(state_in(state_), reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size());
  return *this;
}

FieldHash &FieldHash::field(std::int64_t number) {
  const auto bytes = eight_bytes(static_cast<std::uint64_t>(number));
  return field(std::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size()));
}

std::string FieldHash::finish() {
  std::string hash(kHashSize, '\0');
  crypto_generichash_final(state_in(state_), reinterpret_cast<unsigned char *>(hash.data()), hash.size());
  return hash;
}

}  // namespace cordon::ledger

#pragma once

#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"
#include "vault/format.hpp"

/// What the store key does to a container: MAC and encrypted body (FORMAT.md). [any-thread]
namespace cordon::vault {

/// True when the container was sealed under this store key and its head is unchanged.
bool has_valid_mac(const Container &container, const Secret &store_key);
/// The padded plain body. VAULT_CORRUPT when MAC or body are not those that were sealed.
Result<Secret> open_body(const Container &container, const Secret &store_key, std::string_view where);
/// Sets body and MAC of a container whose slots, id and generation are in place.
void seal_body(Container &container, const Secret &store_key, const Secret &padded, Random &random);

/// The key for uses outside the vault, so that none of them can meet a key of the format itself.
Secret export_key(const Secret &store_key);

}  // namespace cordon::vault

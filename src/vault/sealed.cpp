#include "vault/sealed.hpp"

#include <fmt/format.h>

#include "vault/crypto.hpp"

namespace cordon::vault {
namespace {

constexpr std::string_view kMacLabel = "cordon-vault/v1 mac";
constexpr std::string_view kBodyLabel = "cordon-vault/v1 body";
constexpr std::string_view kExportLabel = "cordon-vault/v1 export";

std::string mac_of(const Container &container, const Secret &store_key) {
  return mac(derive(store_key, kMacLabel, {container.vault_id}), container.head());
}

}  // namespace

bool has_valid_mac(const Container &container, const Secret &store_key) {
  return equal_constant_time(mac_of(container, store_key), container.mac);
}

Result<Secret> open_body(const Container &container, const Secret &store_key, std::string_view where) {
  if (!has_valid_mac(container, store_key))
    return fail(
        Status::VaultCorrupt,
        fmt::format("the vault {} was changed by something else than Cordon: the key opens it, but the MAC over "
                    "its head is wrong; restore it from a backup",
                    where));
  auto padded = unseal(derive(store_key, kBodyLabel, {container.vault_id}), container.body, container.head_and_mac());
  if (!padded)
    return fail(
        Status::VaultCorrupt,
        fmt::format("the vault {} is damaged: the key opens it, but its body is not what was written; restore it "
                    "from a backup",
                    where));
  return std::move(*padded);
}

void seal_body(Container &container, const Secret &store_key, const Secret &padded, Random &random) {
  container.mac = mac_of(container, store_key);
  container.body =
      seal(derive(store_key, kBodyLabel, {container.vault_id}), padded.reveal(), container.head_and_mac(), random);
}

Secret export_key(const Secret &store_key) {
  return derive(store_key, kExportLabel, {});
}

}  // namespace cordon::vault

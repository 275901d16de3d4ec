#include "identity/proven_credential.hpp"

#include "vault/crypto.hpp"

namespace cordon::identity {
namespace {

constexpr const char *kPurpose = "proven credential";

}  // namespace

void ProvenCredential::keep(const Secret &credential) {
  if (key_.empty()) key_ = vault::random_key(random_);
  if (sealed_.empty() || differs_from(credential)) sealed_ = vault::seal(key_, credential.reveal(), kPurpose, random_);
}

std::optional<Secret> ProvenCredential::get() const {
  if (sealed_.empty()) return std::nullopt;
  return vault::unseal(key_, sealed_, kPurpose);
}

bool ProvenCredential::differs_from(const Secret &present) const {
  const std::optional<Secret> proven = get();
  return proven && !proven->equals(present);
}

}  // namespace cordon::identity

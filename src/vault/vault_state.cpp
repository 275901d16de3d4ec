#include "vault/vault_state.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/ids.hpp"
#include "vault/crypto.hpp"
#include "vault/sealed.hpp"

namespace cordon::vault {

Result<Opened> open_container(Container container, Secret store_key, std::string_view where) {
  auto padded = open_body(container, store_key, where);
  if (!padded) return fail(std::move(padded.error()));
  auto payload = Payload::parse(*padded, where);
  if (!payload) return fail(std::move(payload.error()));
  return Opened{std::move(container), std::move(store_key), std::move(*payload)};
}

Vault::State::State(Settings settings_, Random &random_, const Clock &clock_)
    : settings(std::move(settings_)), random(random_), clock(clock_), file(settings.file.value_or("")), kept(random_) {}

Result<void> Vault::State::refresh() {
  if (store_key && file.is_current(version)) return {};
  auto content = file.read();
  auto opened = [&]() -> Result<Opened> {
    if (!content) return fail(std::move(content.error()));
    if (!*content) return missing();
    auto container = parse(**content);
    if (!container) return fail(std::move(container.error()));
    return open(std::move(*container));
  }();
  if (!opened) {
    forget();
    return fail(std::move(opened.error()));
  }
  accept(*opened, std::move((*content)->version));
  return {};
}

Result<Container> Vault::State::parse(const VaultFile::Content &content) const {
  auto container = parse_container(content.text, file.path());
  if (container && container->vault_id == vault_id && container->generation < generation)
    return fail(
        Status::VaultCorrupt,
        fmt::format("the vault {} went back to generation {} although {} was seen: an older copy was put in its "
                    "place; restore the newer one, or restart this client to accept the older",
                    file.path(), container->generation, generation));
  return container;
}

Result<Opened> Vault::State::open(Container container) {
  if (store_key && container.vault_id == vault_id && has_valid_mac(container, *store_key))
    return open_container(std::move(container), store_key->clone(), file.path());
  auto key = find_store_key(container);
  if (key) return open_container(std::move(container), std::move(*key), file.path());
  if (store_key && key.error().status == Status::VaultLocked)
    return fail(
        Status::VaultLocked,
        fmt::format("the vault {} has changed and the key that opened it no longer fits: it was given a new key, "
                    "or is damaged; call cordon_vault_unlock again",
                    file.path()));
  return fail(std::move(key.error()));
}

Result<Secret> Vault::State::find_store_key(const Container &container) const {
  Error reason(
      Status::VaultLocked,
      fmt::format("the vault {} is locked and no key for it is at hand; call cordon_vault_unlock, or configure "
                  "vault.unlock",
                  file.path()));
  for (const KeySource &source : settings.unlock) {
    auto key = source.load();
    if (!key && key.error().status == Status::VaultPermissions) return fail(std::move(key.error()));
    if (key) {
      const Credential credential{Credential::Kind::Key, std::move(*key)};
      auto opened = open_slots(container, credential, fmt::format("{} (key file {})", file.path(), source.path()));
      if (opened) return opened;
      reason = std::move(opened.error());
    } else if (reason.status == Status::VaultLocked) {
      reason = std::move(key.error());
      if (reason.status == Status::VaultLocked)
        reason.message =
            fmt::format("the vault {} is locked: {}, or call cordon_vault_unlock", file.path(), reason.message);
    }
  }
  for (const Remembered &one : remembered) {
    auto opened = open_slots(container, one.credential, file.path());
    if (opened) return opened;
    reason = std::move(opened.error());
  }
  return fail(std::move(reason));
}

void Vault::State::accept(const Opened &opened, VaultFile::Version found) {
  kept.replace_all(opened.payload.entries());
  store_key = opened.store_key.clone();
  version = std::move(found);
  vault_id = opened.container.vault_id;
  generation = opened.container.generation;
  remembered.clear();
}

/// Id and generation stay known: an older copy must not slip in while the vault is locked.
void Vault::State::forget() {
  kept.clear();
  store_key.reset();
  version = VaultFile::Version();
}

tl::unexpected<Error> Vault::State::missing() const {
  if (!vault_id.empty())
    return fail(Status::VaultLocked,
                fmt::format("the vault {} has disappeared; restore it, or restart this client to begin a new one",
                            file.path()));
  return fail(Status::VaultLocked,
              fmt::format("the vault {} does not exist yet; store its first secret by cordon_secret_set or `cordon "
                          "secret set`",
                          file.path()));
}

Result<void> Vault::State::update(const std::function<Result<void>(Payload &)> &change, bool create) {
  auto content = file.read();
  if (!content) return fail(std::move(content.error()));
  auto opened = [&]() -> Result<Opened> {
    if (!*content) return create && vault_id.empty() ? make_first() : Result<Opened>(missing());
    auto container = parse(**content);
    if (!container) return fail(std::move(container.error()));
    return open(std::move(*container));
  }();
  if (!opened) return fail(std::move(opened.error()));
  if (auto changed = change(opened->payload); !changed) return changed;
  auto padded = opened->payload.padded_text();
  if (!padded) return fail(std::move(padded.error()));
  ++opened->container.generation;
  seal_body(opened->container, opened->store_key, *padded, random);
  auto written = file.replace(opened->container.text());
  if (!written) return fail(std::move(written.error()));
  accept(*opened, std::move(*written));
  return {};
}

Result<Opened> Vault::State::make_first() const {
  auto prepared = first_slots();
  if (!prepared) return fail(std::move(prepared.error()));
  Opened first{Container(), random_key(random), Payload()};
  first.container.vault_id = make_request_id(random).str();
  const auto add = [&](const PreparedSlot &slot) {
    if (first.container.slots.size() < kMaxSlots)
      first.container.slots.push_back(wrap(slot, first.container.vault_id, first.store_key, random));
  };
  for (const PreparedSlot &slot : *prepared) add(slot);
  for (const Remembered &one : remembered) add(one.slot);
  return first;
}

Result<std::vector<PreparedSlot>> Vault::State::first_slots() const {
  std::vector<PreparedSlot> out;
  std::string reason = "call cordon_vault_unlock with a key or passphrase first, or configure vault.unlock";
  for (const KeySource &source : settings.unlock) {
    auto key = source.load();
    if (!key && key.error().status != Status::VaultLocked) return fail(std::move(key.error()));
    if (!key) {
      reason = std::move(key.error().message);
      continue;
    }
    auto slot = prepare_slot(Credential{Credential::Kind::Key, std::move(*key)}, settings.passphrase_cost, random);
    if (!slot) return fail(std::move(slot.error()));
    out.push_back(std::move(*slot));
  }
  if (out.empty() && remembered.empty())
    return fail(Status::VaultLocked, fmt::format("the new vault {} needs a key: {}", file.path(), reason));
  return out;
}

}  // namespace cordon::vault

#include "vault/vault_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ids.hpp"
#include "vault/crypto.hpp"
#include "vault/key_file.hpp"
#include "vault/sealed.hpp"

namespace cordon::vault {

Result<Opened> open_container(Container container, Secret store_key, std::string_view where) {
  auto padded = open_body(container, store_key, where);
  if (!padded) return fail(std::move(padded.error()));
  auto payload = Payload::parse(*padded, where);
  if (!payload) return fail(std::move(payload.error()));
  return Opened{std::move(container), std::move(store_key), std::move(*payload), std::nullopt};
}

Result<Opened> open_container(Container container, OpenedSlot opened, std::string_view where) {
  auto out = open_container(std::move(container), std::move(opened.store_key), where);
  if (out) out->slot = std::move(opened.slot);
  return out;
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

Result<Container> Vault::State::parse(const VaultFile::Content &content, Age age) {
  auto container = parse_container(content.text, file.path());
  if (!container) return container;
  const std::uint64_t seen =
      std::max(container->vault_id == vault_id ? generation : 0, container->vault_id == floor_id ? floor : 0);
  rolled_back = container->generation < seen;
  if (rolled_back && age == Age::NotOlderThanSeen)
    return fail(
        Status::VaultCorrupt,
        fmt::format("the vault {} went back to generation {} although {} was seen: an older copy was put in its "
                    "place; put the newer one back or, if the older was restored on purpose, accept it by `cordon "
                    "vault accept-restored`",
                    file.path(), container->generation, seen));
  return container;
}

Result<Opened> Vault::State::open(Container container) const {
  if (store_key && container.vault_id == vault_id && has_valid_mac(container, *store_key))
    return open_container(std::move(container), store_key->clone(), file.path());
  for (const PreparedSlot &slot : held)
    if (auto key = open_slot(container, slot))
      return open_container(std::move(container), std::move(*key), file.path());
  auto opened = open_by_sources(container, Slow::Skip);
  if (opened || opened.error().status == Status::VaultPermissions) return opened;
  for (const Remembered &one : remembered) {
    auto key = open_slots(container, one.credential, file.path());
    if (key) return open_container(std::move(container), std::move(*key), file.path());
    opened.error() = std::move(key.error());
  }
  if (store_key && opened.error().status == Status::VaultLocked)
    return fail(
        Status::VaultLocked,
        fmt::format("the vault {} has changed and the key that opened it no longer fits: it was given a new key, "
                    "or is damaged; call cordon_vault_unlock again",
                    file.path()));
  return opened;
}

Result<Opened> Vault::State::open_by_sources(Container container, Slow slow) const {
  Error reason(
      Status::VaultLocked,
      fmt::format("the vault {} is locked and no key for it is at hand; call cordon_vault_unlock, or configure "
                  "vault.unlock",
                  file.path()));
  for (const KeySource &source : settings.unlock) {
    if (slow == Slow::Skip && source.is_slow()) {  // those behind it wait for their turn
      reason = Error(Status::VaultLocked, fmt::format("the vault {} is locked until its {} is asked, which is done at "
                                                      "the next call; or call cordon_vault_unlock",
                                                      file.path(), source.name()));
      break;
    }
    auto key = source.load();
    if (!key && key.error().status == Status::VaultPermissions) return fail(std::move(key.error()));
    if (key) {
      const Credential credential{Credential::Kind::Key, std::move(*key)};
      auto opened = open_slots(container, credential, fmt::format("{} ({})", file.path(), source.name()));
      if (opened) return open_container(std::move(container), std::move(*opened), file.path());
      reason = std::move(opened.error());
    } else if (reason.status == Status::VaultLocked) {
      reason = std::move(key.error());
      if (reason.status == Status::VaultLocked)
        reason.message =
            fmt::format("the vault {} is locked: {}, or call cordon_vault_unlock", file.path(), reason.message);
    }
  }
  return fail(std::move(reason));
}

void Vault::State::accept(const Opened &opened, VaultFile::Version found) {
  kept.replace_all(opened.payload.entries());
  store_key = opened.store_key.clone();
  former_keys = opened.payload.former_keys();
  version = std::move(found);
  vault_id = opened.container.vault_id;
  generation = opened.container.generation;
  rolled_back = false;
  for (Remembered &one : remembered) held.push_back(std::move(one.slot));
  remembered.clear();
  if (opened.slot) hold(*opened.slot);
  const auto is_gone = [&](const PreparedSlot &slot) {
    return std::none_of(opened.container.slots.begin(), opened.container.slots.end(),
                        [&](const Slot &one) { return one.line == slot.line; });
  };
  std::erase_if(held, is_gone);
}

void Vault::State::hold(const PreparedSlot &slot) {
  const auto is_held = [&](const PreparedSlot &one) { return one.line == slot.line; };
  if (std::none_of(held.begin(), held.end(), is_held)) held.push_back(slot.clone());
}

void Vault::State::accept_if_newest(const Opened &opened, VaultFile::Version found) {
  const std::lock_guard guard(mutex);
  if (opened.container.generation >= generation || opened.container.vault_id != vault_id)
    accept(opened, std::move(found));
}

/// Id and generation stay known: an older copy must not slip in while the vault is locked.
void Vault::State::forget() {
  kept.clear();
  store_key.reset();
  former_keys.clear();
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

Result<Opened> Vault::State::present(const std::optional<VaultFile::Content> &content, const FirstSlots *first,
                                     Age age) {
  if (!content) {
    if (first == nullptr || !vault_id.empty()) return missing();
    return make_first(*first);
  }
  auto container = parse(*content, age);
  if (!container) return fail(std::move(container.error()));
  return open(std::move(*container));
}

Result<void> Vault::State::update(const Change &change, const FirstSlots *first, Age age) {
  auto content = file.read();
  if (!content) return fail(std::move(content.error()));
  auto opened = present(*content, first, age);
  if (!opened) return fail(std::move(opened.error()));
  Container &container = opened->container;
  if (container.vault_id == floor_id) container.generation = std::max(container.generation, floor);
  if (container.vault_id == vault_id) container.generation = std::max(container.generation, generation);
  if (container.generation == kMaxGeneration)
    return fail(Status::InvalidState, fmt::format("the vault {} has been saved as often as its format can count; make "
                                                  "a new one and store the secrets again",
                                                  file.path()));
  if (auto changed = change(*opened); !changed) return changed;
  auto padded = opened->payload.padded_text();
  if (!padded) return fail(std::move(padded.error()));
  ++container.generation;
  seal_body(container, opened->store_key, *padded, random);
  auto written = file.replace(container.text());
  if (!written) return fail(std::move(written.error()));
  accept(*opened, std::move(*written));
  return {};
}

Result<Opened> Vault::State::make_first(const FirstSlots &given) const {
  Opened first{Container(), random_key(random), Payload(), std::nullopt};
  first.container.vault_id = make_request_id(random).str();
  const auto add = [&](const PreparedSlot &slot) {
    if (first.container.slots.size() < kMaxSlots)
      first.container.slots.push_back(wrap(slot, first.container.vault_id, first.store_key, random));
  };
  for (const PreparedSlot &slot : given.slots) add(slot);
  for (const Remembered &one : remembered) add(one.slot);
  if (first.container.slots.empty())
    return fail(Status::VaultLocked, fmt::format("the new vault {} needs a key: {}", file.path(), given.why_none));
  return first;
}

Result<Vault::State::FirstSlots> Vault::State::first_slots() const {
  FirstSlots out;
  const auto content = file.read();
  if (!content) return fail(content.error());
  if (*content) return out;
  for (const KeySource &source : settings.unlock) {
    auto key = source.load();
    if (!key && key.error().status != Status::VaultLocked) return fail(std::move(key.error()));
    if (!key) {
      out.why_none = std::move(key.error().message);
      continue;
    }
    auto slot = prepare_slot(Credential{Credential::Kind::Key, std::move(*key)}, settings.passphrase_cost, random);
    if (!slot) return fail(std::move(slot.error()));
    out.slots.push_back(std::move(*slot));
  }
  return out;
}

Result<Credential> credential_of(std::string_view kind, Secret secret) {
  if (kind == "passphrase") {
    if (secret.empty() || secret.size() > kMaxPassphrase)
      return fail(Status::InvalidArgument, fmt::format("a passphrase has 1 to {} bytes", kMaxPassphrase));
    return Credential{Credential::Kind::Passphrase, std::move(secret)};
  }
  if (kind != "key") return fail(Status::InvalidArgument, "kind must be \"key\" or \"passphrase\"");
  auto key = parse_key(secret.reveal(), "the argument");
  if (!key) return fail(Status::InvalidArgument, std::move(key.error().message));
  return Credential{Credential::Kind::Key, std::move(*key)};
}

}  // namespace cordon::vault

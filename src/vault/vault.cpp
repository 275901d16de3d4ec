#include "vault/vault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "vault/crypto.hpp"
#include "vault/sealed.hpp"
#include "vault/vault_state.hpp"

namespace cordon::vault {
namespace {

tl::unexpected<Error> no_vault() {
  return fail(Status::InvalidState,
              "this client has no vault (\"vault\":null); configure one, or {\"file\":null} to keep secrets in memory");
}

tl::unexpected<Error> no_such_secret(std::string_view name) {
  return fail(
      Status::NotFound,
      fmt::format("the vault has no secret {}; store it by cordon_secret_set or `cordon secret set {}`", name, name));
}

Result<void> check_name(std::string_view name) {
  if (is_secret_name(name)) return {};
  return fail(Status::InvalidArgument, "a secret's name has 1 to 128 of the characters A-Z a-z 0-9 . _ -");
}

Result<void> check_value(const Secret &value, const SecretNote &note) {
  if (value.empty() || value.size() > kMaxSecretSize)
    return fail(Status::InvalidArgument,
                fmt::format("the secret has {} bytes; it must have 1 to {}", value.size(), kMaxSecretSize));
  if (note.purpose.size() > kMaxPurpose || !is_utf8(note.purpose))
    return fail(Status::InvalidArgument, fmt::format("a secret's purpose has at most {} bytes of UTF-8", kMaxPurpose));
  return {};
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

Json slots_json(const std::vector<Slot> &slots) {
  Json out = Json::array();
  for (const Slot &slot : slots) out.push_back({{"kind", slot.kind()}, {"id", slot.id()}});
  return out;
}

const char *state_name(const Result<void> &fresh, bool missing) {
  if (fresh) return "unlocked";
  if (missing) return "missing";
  return fresh.error().status == Status::VaultLocked ? "locked" : "unusable";
}

}  // namespace

Vault::Vault(std::unique_ptr<State> state) : state_(std::move(state)) {}
Vault::~Vault() = default;

Result<std::unique_ptr<Vault>> Vault::open(Settings settings, Random &random, const Clock &clock) {
  auto state = std::make_unique<State>(std::move(settings), random, clock);
  if (state->settings.require_mlock && !SecureMemory::instance().locked())
    return fail(Status::InvalidState,
                "memory for secrets can't be locked in RAM as require_mlock demands; raise RLIMIT_MEMLOCK (ulimit -l, "
                "systemd: LimitMEMLOCK) for this process");
  if (state->settings.file) {
    for (const KeySource &source : state->settings.unlock)
      if (auto key = source.load(); !key && key.error().status == Status::VaultPermissions)
        return fail(std::move(key.error()));
    const std::lock_guard guard(state->mutex);
    if (auto fresh = state->refresh(); !fresh && fresh.error().status != Status::VaultLocked)
      return fail(std::move(fresh.error()));
  }
  return std::unique_ptr<Vault>(new Vault(std::move(state)));
}

bool Vault::unlocked() const {
  const std::lock_guard guard(state_->mutex);
  return state_->in_memory() || state_->store_key.has_value();
}

bool Vault::durable() const {
  const std::lock_guard guard(state_->mutex);
  return state_->store_key.has_value();
}

Result<void> Vault::unlock(std::string_view kind, Secret secret) {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (s.in_memory())
    return fail(Status::InvalidState, "secrets are kept in memory only (\"file\":null): nothing to unlock");
  auto credential = credential_of(kind, std::move(secret));
  if (!credential) return fail(std::move(credential.error()));
  auto content = s.file.read();
  if (!content) return fail(std::move(content.error()));

  if (!*content) {
    auto slot = prepare_slot(*credential, s.settings.passphrase_cost, s.random);
    if (!slot) return fail(std::move(slot.error()));
    const std::lock_guard guard(s.mutex);
    std::erase_if(s.remembered, [&](const Remembered &one) { return one.credential.kind == credential->kind; });
    s.remembered.push_back(Remembered{std::move(*credential), std::move(*slot)});
    return {};
  }
  auto container = [&] {
    const std::lock_guard guard(s.mutex);
    return s.parse(**content);
  }();
  if (!container) return fail(std::move(container.error()));
  auto store_key = open_slots(*container, *credential, s.file.path());
  if (!store_key) return fail(std::move(store_key.error()));
  auto opened = open_container(std::move(*container), std::move(*store_key), s.file.path());
  if (!opened) return fail(std::move(opened.error()));
  const std::lock_guard guard(s.mutex);
  if (opened->container.generation >= s.generation || opened->container.vault_id != s.vault_id)
    s.accept(*opened, std::move((*content)->version));
  return {};
}

Result<void> Vault::refresh() {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (s.in_memory()) return {};
  const std::lock_guard guard(s.mutex);
  return s.refresh();
}

Result<Secret> Vault::get(std::string_view name) {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (auto checked = check_name(name); !checked) return fail(std::move(checked.error()));
  const std::lock_guard guard(s.mutex);
  if (!s.in_memory())
    if (auto fresh = s.refresh(); !fresh) {
      Error error = std::move(fresh.error());
      error.message = fmt::format("secret {} can't be read: {}", name, error.message);
      return fail(std::move(error));
    }
  auto value = s.kept.get(name);
  if (!value) return no_such_secret(name);
  return std::move(*value);
}

Result<void> Vault::set(std::string_view name, Secret value, const SecretNote &note) {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (auto checked = check_name(name); !checked) return checked;
  if (auto checked = check_value(value, note); !checked) return checked;
  Payload::Entry entry{std::string(name), note, s.clock.utc(), std::move(value)};
  if (s.in_memory()) {
    const std::lock_guard guard(s.mutex);
    s.kept.put(entry);
    return {};
  }
  const auto lock = s.file.lock();
  if (!lock) return fail(lock.error());
  const std::lock_guard guard(s.mutex);
  return s.update(
      [&](Payload &payload) -> Result<void> {
        payload.put(entry);
        return {};
      },
      true);
}

Result<void> Vault::remove(std::string_view name) {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (auto checked = check_name(name); !checked) return checked;
  const auto erased = [&](bool found) -> Result<void> {
    if (!found) return no_such_secret(name);
    return {};
  };
  if (s.in_memory()) {
    const std::lock_guard guard(s.mutex);
    return erased(s.kept.erase(name));
  }
  const auto lock = s.file.lock();
  if (!lock) return fail(lock.error());
  const std::lock_guard guard(s.mutex);
  return s.update([&](Payload &payload) { return erased(payload.erase(name)); }, false);
}

Result<void> Vault::rekey(const Json &, Secret) {
  return fail(
      Status::NotSupported,
      "this version can't change a vault's keys; make a new vault with the new key and store the secrets again");
}

Json Vault::status() {
  State &s = *state_;
  const std::lock_guard guard(s.mutex);
  Json out = {{"file", s.settings.file ? Json(*s.settings.file) : Json(nullptr)},
              {"state", s.settings.absent ? "absent" : "memory"},
              {"vault_id", nullptr},
              {"generation", nullptr},
              {"slots", Json::array()},
              {"secrets", Json::array()},
              {"sources", Json::array()},
              {"memory_locked", SecureMemory::instance().locked()},
              {"problem", nullptr}};
  for (const KeySource &source : s.settings.unlock) out["sources"].push_back(source.describe());
  if (s.settings.absent) return out;
  if (s.settings.file) {
    const auto fresh = s.refresh();
    const auto content = s.file.read();
    const auto container = content && *content ? parse_container((*content)->text, s.file.path()) : Container();
    out["state"] = state_name(fresh, content && !*content);
    if (!fresh) out["problem"] = {{"name", status_name(fresh.error().status)}, {"message", fresh.error().message}};
    if (container && !container->vault_id.empty()) {
      out["vault_id"] = container->vault_id;
      out["generation"] = container->generation;
      out["slots"] = slots_json(container->slots);
    }
  }
  out["secrets"] = s.kept.list();
  return out;
}

Result<Secret> Vault::derive(std::string_view label, const std::vector<std::string_view> &context) const {
  const std::lock_guard guard(state_->mutex);
  if (!state_->settings.file)
    return fail(Status::InvalidState, "there is no vault file and so no key that lasts; keep this key elsewhere");
  if (!state_->store_key)
    return fail(Status::VaultLocked,
                fmt::format("the vault {} is not open, so no key can be derived from it; unlock it or store its first "
                            "secret",
                            state_->file.path()));
  return vault::derive(export_key(*state_->store_key), label, context);
}

std::string Vault::vault_id() const {
  const std::lock_guard guard(state_->mutex);
  return state_->vault_id;
}

std::uint64_t Vault::generation() const {
  const std::lock_guard guard(state_->mutex);
  return state_->generation;
}

}  // namespace cordon::vault

#include "vault/vault.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/text.hpp"
#include "vault/crypto.hpp"
#include "vault/sealed.hpp"
#include "vault/vault_state.hpp"

namespace cordon::vault {
namespace {

constexpr std::size_t kLockProbe = 64 * 1024;

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

Result<void> check_value(const Secret &value) {
  if (!value.empty() && value.size() <= kMaxSecretSize) return {};
  return fail(Status::InvalidArgument,
              fmt::format("the secret has {} bytes; it must have 1 to {}", value.size(), kMaxSecretSize));
}

Result<void> check_note(const SecretNote &note) {
  if (note.purpose.size() > kMaxPurpose || !is_utf8(note.purpose))
    return fail(Status::InvalidArgument, fmt::format("a secret's purpose has at most {} bytes of UTF-8", kMaxPurpose));
  return {};
}

/// Tries it with pages of their own.
bool memory_can_be_locked() {
  try {
    (void)Secret::zeros(kLockProbe);
  } catch (const std::bad_alloc &) {  // another client requires it
    if (SecureMemory::instance().locked()) throw;
  }
  return SecureMemory::instance().locked();
}

}  // namespace

Vault::Vault(std::unique_ptr<State> state) : state_(std::move(state)) {}
Vault::~Vault() = default;

Result<std::unique_ptr<Vault>> Vault::open(Settings settings, Random &random, const Clock &clock) {
  auto state = std::make_unique<State>(std::move(settings), random, clock);
  if (state->settings.require_mlock) {
    if (!memory_can_be_locked())
      return fail(
          Status::InvalidState,
          "memory for secrets can't be locked in RAM as require_mlock demands; raise RLIMIT_MEMLOCK (ulimit -l, "
          "systemd: LimitMEMLOCK) for this process");
    SecureMemory::instance().require_lock();
  }
  if (state->settings.file) {
    for (const KeySource &source : state->settings.unlock)
      if (!source.is_slow())
        if (auto key = source.load(); !key && key.error().status == Status::VaultPermissions)
          return fail(std::move(key.error()));
  }
  std::unique_ptr<Vault> vault(new Vault(std::move(state)));
  if (vault->state_->settings.file)
    if (auto fresh = vault->refresh(); !fresh && fresh.error().status != Status::VaultLocked)
      return fail(std::move(fresh.error()));
  return vault;
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
    return s.parse(**content, State::Age::Any);
  }();
  if (!container) return fail(std::move(container.error()));
  auto slot = open_slots(*container, *credential, s.file.path());
  if (!slot) return fail(std::move(slot.error()));
  auto opened = open_container(std::move(*container), std::move(*slot), s.file.path());
  if (!opened) return fail(std::move(opened.error()));
  {
    const std::lock_guard guard(s.mutex);
    s.hold(*opened->slot);  // an older copy is refused, but can be accepted by `rekey` now
    if (auto judged = s.parse(**content); !judged) return fail(std::move(judged.error()));
  }
  s.accept_if_newest(*opened, std::move((*content)->version));
  return {};
}

Result<void> Vault::refresh() {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (s.in_memory()) return {};
  Result<Container> container = Container();
  VaultFile::Version version;
  {
    const std::lock_guard guard(s.mutex);
    auto fresh = s.refresh();
    const bool more_to_try =
        std::any_of(s.settings.unlock.begin(), s.settings.unlock.end(), [](const auto &one) { return one.is_slow(); });
    if (fresh || !more_to_try || fresh.error().status != Status::VaultLocked) return fresh;
    auto content = s.file.read();
    if (!content || !*content) return fresh;
    container = s.parse(**content);
    version = std::move((*content)->version);
  }
  if (!container) return fail(std::move(container.error()));
  auto opened = s.open_by_sources(std::move(*container), State::Slow::Run);
  if (!opened) return fail(std::move(opened.error()));
  s.accept_if_newest(*opened, std::move(version));
  return {};
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

Result<void> Vault::set(std::string_view name, Secret value, const std::optional<SecretNote> &note) {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (auto checked = check_name(name); !checked) return checked;
  if (auto checked = check_value(value); !checked) return checked;
  if (auto checked = check_note(note.value_or(SecretNote())); !checked) return checked;
  Payload::Entry entry{std::string(name), note.value_or(SecretNote()), s.clock.utc(), std::move(value)};
  const auto put = [&](auto &store) -> Result<void> {
    if (!note)
      if (const auto former = store.note(name)) entry.note.purpose = former->purpose;
    store.put(entry);
    return {};
  };
  if (s.in_memory()) {
    const std::lock_guard guard(s.mutex);
    return put(s.kept);
  }
  (void)refresh();  // what a helper must open is opened before the locks; what is wrong, update will say
  const auto first = s.first_slots();
  if (!first) return fail(first.error());
  const auto lock = s.file.lock();
  if (!lock) return fail(lock.error());
  const std::lock_guard guard(s.mutex);
  return s.update([&](Opened &opened) { return put(opened.payload); }, &*first);
}

template <class F>
Result<void> Vault::change_secret(std::string_view name, F change) {
  State &s = *state_;
  if (s.settings.absent) return no_vault();
  if (auto checked = check_name(name); !checked) return checked;
  const auto changed = [&](auto &store) -> Result<void> {
    if (!change(store)) return no_such_secret(name);
    return {};
  };
  if (s.in_memory()) {
    const std::lock_guard guard(s.mutex);
    return changed(s.kept);
  }
  (void)refresh();
  const auto lock = s.file.lock();
  if (!lock) return fail(lock.error());
  const std::lock_guard guard(s.mutex);
  return s.update([&](Opened &opened) { return changed(opened.payload); }, nullptr);
}

Result<void> Vault::describe(std::string_view name, const NoteChange &change) {
  if (auto checked = check_note({change.purpose.value_or(""), UtcTicks()}); !checked) return checked;
  return change_secret(name, [&](auto &store) {
    auto note = store.note(name);
    if (!note) return false;
    if (change.purpose) note->purpose = *change.purpose;
    if (change.not_after) note->not_after = *change.not_after;
    return store.set_note(name, *note);
  });
}

Result<void> Vault::remove(std::string_view name) {
  return change_secret(name, [&](auto &store) { return store.erase(name); });
}

Result<std::vector<Vault::WrappingKey>> Vault::wrapping_keys(std::string_view label) const {
  const std::lock_guard guard(state_->mutex);
  if (!state_->settings.file)
    return fail(Status::InvalidState, "there is no vault file and so no key that lasts; keep this key elsewhere");
  if (!state_->store_key)
    return fail(Status::VaultLocked,
                fmt::format("the vault {} is not open, so no key can be derived from it; unlock it or store its first "
                            "secret",
                            state_->file.path()));
  std::vector<WrappingKey> out;
  const auto add = [&](const Secret &exported) {
    const Secret name = vault::derive(exported, label, {"name"});
    std::string digits;
    for (std::size_t i = 0; i < 8; ++i) digits += fmt::format("{:02x}", name.bytes()[i]);
    out.push_back({fmt::format("{}/{}", state_->vault_id, digits), vault::derive(exported, label, {})});
  };
  add(export_key(*state_->store_key));
  for (const Secret &former : state_->former_keys) add(former);
  return out;
}

void Vault::expect_generation(std::string_view vault_id, std::uint64_t at_least) {
  const std::lock_guard guard(state_->mutex);
  if (state_->floor_id != vault_id) state_->floor = 0;
  state_->floor_id = vault_id;
  state_->floor = std::max(state_->floor, at_least);
  if (state_->vault_id == vault_id && state_->generation < state_->floor) state_->forget();
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

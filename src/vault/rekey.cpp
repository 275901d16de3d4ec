#include "vault/rekey.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/schema.hpp"
#include "vault/crypto.hpp"
#include "vault/sealed.hpp"
#include "vault/vault_state.hpp"

namespace cordon::vault {
namespace {

using Action = RekeyRequest::Action;

struct ActionName {
  const char *word;
  Action action;
  const char *change;
  bool takes_secret, needs_secret, takes_slot, needs_slot;
};
constexpr ActionName kActions[] = {
    {"add_slot", Action::AddSlot, "slot_added", true, true, false, false},
    {"replace_slot", Action::ReplaceSlot, "slot_replaced", true, true, true, false},
    {"remove_slot", Action::RemoveSlot, "slot_removed", false, false, true, true},
    {"rotate", Action::Rotate, "store_key_rotated", true, false, false, false},
    {"accept_restored", Action::AcceptRestored, "restored_copy_accepted", false, false, false, false},
};

const ActionName &name_of(Action action) {
  return *std::find_if(std::begin(kActions), std::end(kActions),
                       [&](const ActionName &known) { return known.action == action; });
}

const JsonSchema &options_schema() {
  static const JsonSchema &schema =
      JsonSchema::lasting(Json::parse(R"({"type":"object","additionalProperties":false,"properties":{
    "action":{"type":"string","enum":["add_slot","replace_slot","remove_slot","rotate","accept_restored"]},
    "kind":{"type":"string","enum":["key","passphrase"]},
    "slot":{"type":"string","minLength":1,"maxLength":64},
    "drop_slots":{"type":"array","maxItems":16,"items":{"type":"string","minLength":1,"maxLength":64}},
    "passes":{"type":"integer","minimum":1,"maximum":10},
    "memory_kib":{"type":"integer","minimum":65536,"maximum":1048576}}})"));
  return schema;
}

tl::unexpected<Error> wrong(const char *member, std::string_view why) {
  const std::string pointer = std::string("/") + member;
  return fail(Error(Status::InvalidArgument, fmt::format("options at {}: {}", pointer, why)).at(pointer));
}

std::string ids_of(const std::vector<const Slot *> &slots) {
  std::string out;
  for (const Slot *slot : slots) out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", slot->id(), slot->kind());
  return out;
}

const char *slot_kind_of(Credential::Kind kind) {
  return kind == Credential::Kind::Key ? "keyfile" : "argon2id";
}

/// The change itself, on what was read under the file's lock.
class Rekeying {
 public:
  Rekeying(const RekeyRequest &request, const std::optional<PreparedSlot> &fresh, Random &random)
      : request_(request), fresh_(fresh), random_(random) {}

  /// What may open a slot again under a new store key.
  void offer(const std::vector<PreparedSlot> &held, const std::vector<Credential> &credentials) {
    held_ = &held;
    credentials_ = &credentials;
  }

  Result<void> apply(Opened &opened) {
    slots_ = &opened.container.slots;
    switch (request_.action) {
      case Action::AddSlot:
        return add(opened);
      case Action::ReplaceSlot: {
        auto id = replaced_slot();
        if (!id) return fail(std::move(id.error()));
        return remove(*id).and_then([&] { return add(opened); });
      }
      case Action::RemoveSlot:
        report_.slot = request_.slot;
        return remove(request_.slot).and_then([&] { return keep_a_way_in(); });
      case Action::Rotate:
        return rotate(opened);
      case Action::AcceptRestored:
        break;
    }
    return {};
  }
  RekeyReport report() const { return {name_of(request_.action).change, report_.slot}; }

 private:
  Result<void> add(Opened &opened) {
    Slot slot = wrap(*fresh_, opened.container.vault_id, opened.store_key, random_);
    if (slots_->size() == kMaxSlots)
      return fail(Status::InvalidState, fmt::format("the vault has {} slots already, which is all its format allows; "
                                                    "remove one first",
                                                    kMaxSlots));
    std::uint64_t work = argon2_work(slot);
    for (const Slot &other : *slots_) {
      work += argon2_work(other);
      if (other.id() == slot.id()) return fail(Error(Status::InvalidState, "two slots got one id; try again").retry());
    }
    if (work > kMaxArgon2Work)
      return fail(Status::InvalidState,
                  "all passphrase slots together would ask for more work of Argon2id than the vault's format allows; "
                  "give this one a lower cost, or remove one first");
    report_.slot = slot.id();
    slots_->push_back(std::move(slot));
    opened.slot = fresh_->clone();
    return {};
  }

  Result<void> remove(const std::string &id) {
    const auto found = std::find_if(slots_->begin(), slots_->end(), [&](const Slot &slot) { return slot.id() == id; });
    if (found == slots_->end())
      return fail(Error(Status::NotFound, fmt::format("the vault has no slot {}; cordon_vault_status lists them", id))
                      .at("/slot"));
    slots_->erase(found);
    return {};
  }

  /// A vault that only slots of unknown kinds open could never be opened again by this library.
  Result<void> keep_a_way_in() const {
    if (std::any_of(slots_->begin(), slots_->end(), [](const Slot &slot) { return is_known_slot(slot); })) return {};
    return fail(
        Error(Status::InvalidState, "this is the last slot that opens the vault; add another one first, or replace it")
            .at("/slot"));
  }

  Result<std::string> replaced_slot() const {
    if (!request_.slot.empty()) return request_.slot;
    std::vector<const Slot *> candidates;
    for (const Slot &slot : *slots_)
      if (slot.kind() == slot_kind_of(*request_.kind)) candidates.push_back(&slot);
    if (candidates.size() == 1) return std::string(candidates[0]->id());
    if (candidates.empty())
      return wrong("slot", "the vault has no slot of this kind to be replaced; name the slot, or use add_slot");
    return wrong("slot", "several slots are of this kind; name the one to be replaced: " + ids_of(candidates));
  }

  Result<void> rotate(Opened &opened) {
    for (const std::string &id : request_.drop_slots)
      if (auto removed = remove(id); !removed) {
        removed.error().pointer = "/drop_slots";
        return removed;
      }
    Container &container = opened.container;
    const Secret fresh_key = random_key(random_);
    std::vector<Slot> again;
    std::vector<const Slot *> lost;
    for (const Slot &slot : container.slots) {
      if (const auto prepared = at_hand(container, slot))
        again.push_back(wrap(*prepared, container.vault_id, fresh_key, random_));
      else
        lost.push_back(&slot);
    }
    if (!lost.empty())
      return fail(Error(Status::InvalidState,
                        fmt::format("the store key can't be rotated: what opens these slots is not at hand: {}; unlock "
                                    "with it first, or name them in drop_slots",
                                    ids_of(lost)))
                      .at("/drop_slots"));
    opened.payload.add_former_key(export_key(opened.store_key));
    opened.store_key = fresh_key.clone();
    *slots_ = std::move(again);
    if (fresh_)
      if (auto added = add(opened); !added) return added;
    if (slots_->empty()) return wrong("drop_slots", "no slot would be left; give a new key or passphrase");
    return keep_a_way_in();
  }

  std::optional<PreparedSlot> at_hand(const Container &container, const Slot &slot) const {
    for (const PreparedSlot &held : *held_)
      if (held.line == slot.line && open_slot(container, held)) return held.clone();
    Container alone;
    alone.vault_id = container.vault_id;
    alone.slots = {slot};
    for (const Credential &credential : *credentials_)
      if (auto opened = open_slots(alone, credential, "")) return std::move(opened->slot);
    return std::nullopt;
  }

  const RekeyRequest &request_;
  const std::optional<PreparedSlot> &fresh_;
  Random &random_;
  const std::vector<PreparedSlot> *held_ = nullptr;
  const std::vector<Credential> *credentials_ = nullptr;
  std::vector<Slot> *slots_ = nullptr;
  RekeyReport report_;
};

Result<std::optional<PreparedSlot>> prepare_new(const RekeyRequest &request, Secret new_secret,
                                                const PassphraseCost &usual, Random &random) {
  const ActionName &name = name_of(request.action);
  if (!request.kind) {
    if (name.needs_secret) return wrong("kind", "say whether the new secret is a key or a passphrase");
    if (!new_secret.empty()) return wrong("kind", "a secret was given, so say whether it is a key or a passphrase");
    return std::optional<PreparedSlot>();
  }
  if (!name.takes_secret) return wrong("kind", fmt::format("{} takes no new secret; leave it out", name.word));
  auto credential = credential_of(*request.kind == Credential::Kind::Key ? "key" : "passphrase", std::move(new_secret));
  if (!credential) return fail(std::move(credential.error()));
  auto slot = prepare_slot(*credential, request.cost.value_or(usual), random);
  if (!slot) return fail(std::move(slot.error()));
  return std::optional<PreparedSlot>(std::move(*slot));
}

/// The keys of all sources that have one.
std::vector<Credential> keys_of(const std::vector<KeySource> &sources) {
  std::vector<Credential> out;
  for (const KeySource &source : sources)
    if (auto key = source.load()) out.push_back(Credential{Credential::Kind::Key, std::move(*key)});
  return out;
}

}  // namespace

Result<RekeyRequest> RekeyRequest::from_json(const Json &options) {
  if (auto valid = options_schema().validate(options, "options"); !valid) return fail(std::move(valid.error()));
  RekeyRequest out;
  const std::string word = text_or(options, "action", "rotate");
  const ActionName &name =
      *std::find_if(std::begin(kActions), std::end(kActions), [&](const ActionName &one) { return word == one.word; });
  out.action = name.action;
  out.slot = text_or(options, "slot");
  if (!out.slot.empty() && !name.takes_slot) return wrong("slot", fmt::format("{} takes no slot", word));
  if (out.slot.empty() && name.needs_slot) return wrong("slot", "name the slot; cordon_vault_status lists them");
  if (options.contains("drop_slots")) {
    if (out.action != Action::Rotate) return wrong("drop_slots", "is for rotate only");
    out.drop_slots = options["drop_slots"].get<std::vector<std::string>>();
  }
  if (options.contains("kind"))
    out.kind = text_or(options, "kind") == "key" ? Credential::Kind::Key : Credential::Kind::Passphrase;
  for (const char *member : {"passes", "memory_kib"})
    if (options.contains(member) && out.kind != Credential::Kind::Passphrase)
      return wrong(member, "is for a new passphrase only");
  if (options.contains("passes") || options.contains("memory_kib")) {
    out.cost.emplace();
    out.cost->passes = static_cast<std::uint32_t>(int_or(options, "passes", out.cost->passes));
    out.cost->memory_kib = static_cast<std::uint32_t>(int_or(options, "memory_kib", out.cost->memory_kib));
  }
  return out;
}

Result<RekeyReport> Vault::rekey(const RekeyRequest &request, Secret new_secret, milliseconds patience) {
  State &s = *state_;
  if (!s.settings.file)
    return fail(Status::InvalidState, "there is no vault file, so there are no key slots; configure vault.file");
  const auto fresh = prepare_new(request, std::move(new_secret), s.settings.passphrase_cost, s.random);
  if (!fresh) return fail(fresh.error());
  const bool accept = request.action == Action::AcceptRestored;
  if (auto ready = refresh(); !ready && !accept) return fail(std::move(ready.error()));
  const std::vector<Credential> credentials =
      request.action == Action::Rotate ? keys_of(s.settings.unlock) : std::vector<Credential>();

  auto lock = s.file.lock(patience);
  if (!lock) {
    if (lock.error().retryable) lock.error().status = Status::Deadline;
    return fail(std::move(lock.error()));
  }
  const std::lock_guard guard(s.mutex);
  Rekeying rekeying(request, *fresh, s.random);
  rekeying.offer(s.held, credentials);
  const auto change = [&](Opened &opened) { return rekeying.apply(opened); };
  auto updated = s.update(change, nullptr, accept ? State::Age::Any : State::Age::NotOlderThanSeen);
  if (!updated) return fail(std::move(updated.error()));
  return rekeying.report();
}

}  // namespace cordon::vault

// The vault's calls, and the ledger's key that hangs on the vault.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "plugin/runtime_call.hpp"

namespace cordon::plugin {
namespace {

using ledger::Durability;
using ledger::Tx;
using WrapNames = std::vector<std::string>;
using WrappingKeys = std::vector<vault::Vault::WrappingKey>;

constexpr std::string_view kLedgerKeyLabel = "ledger key";

bool contains(const WrapNames &names, const std::string &name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Result<WrapNames> wrap_names(ledger::Ledger &ledger) {
  return ledger.run_blocking(Durability::Read, [](Tx &tx) {
    return tx.key_wraps().map([](const std::vector<ledger::KeyWrap> &wraps) {
      WrapNames names;
      for (const ledger::KeyWrap &wrap : wraps) names.push_back(wrap.name);
      return names;
    });
  });
}

std::string generation_name(const std::string &vault_id) {
  return "vault_generation/" + vault_id;
}

/// Raises what is remembered to `generation`; gives what is remembered then.
Result<std::uint64_t> remember_generation(Tx &tx, const std::string &vault_id, std::uint64_t generation) {
  auto known = tx.get_meta(generation_name(vault_id));
  if (!known) return fail(std::move(known.error()));
  const auto highest = static_cast<std::uint64_t>(*known ? parse_int(**known).value_or(0) : 0);
  if (highest >= generation) return highest;
  if (auto put = tx.put_meta(generation_name(vault_id), std::to_string(generation)); !put)
    return fail(std::move(put.error()));
  return generation;
}

}  // namespace

Result<void> Runtime::attach_ledger_key() {
  if (!ledger_->has_key()) {
    if (ledger_key_in_file_) {
      if (auto used = ledger_->use_key(std::nullopt, "file"); !used) return used;
    } else if (vault_->durable()) {
      if (auto used = use_vault_key(); !used) return used;
    } else {
      return {};
    }
    if (const std::string damage = ledger_->damage(); !damage.empty())
      log_->write(LogLevel::Error, "the journal is damaged", {{"damage", std::string_view(damage)}});
  }
  const std::lock_guard lock(mutex_);
  if (started_ && accepting_) loop_.scheduler().post([this] { loop_.scheduler().spawn(recover()); });
  return {};
}

Result<void> Runtime::need_ledger_key() {
  if (ledger_->has_key()) {
    if (!vault_->unlocked()) (void)vault_->refresh();  // the loop asks no key helper; here is the time for it
    (void)compare_vault_generation();                  // what is wrong with the vault, its use will say
    return {};
  }
  if (auto fresh = vault_->refresh(); !fresh) return fresh;
  return attach_ledger_key();
}

/// Opens the ledger's key by the vault's present store key or, when the store key was rotated without this ledger, by
/// one of its predecessors. Other processes may rotate it, and wrap the ledger's key anew, between any two steps here;
/// then both are looked at again.
Result<void> Runtime::use_vault_key() {
  auto keys = vault_->wrapping_keys(kLedgerKeyLabel);
  if (!keys) return fail(std::move(keys.error()));
  auto names = wrap_names(*ledger_);
  if (!names) return fail(std::move(names.error()));
  while (true) {
    auto key = std::find_if(keys->begin(), keys->end(), [&](const auto &one) { return contains(*names, one.name); });
    if (key == keys->end()) key = keys->begin();  // a new ledger, or one that was not this vault's so far
    auto used = ledger_->use_key(key->key.clone(), key->name);
    if (used) return follow_store_key();
    if (used.error().status != Status::VaultWrongKey) return used;
    if (auto fresh = vault_->refresh(); !fresh) return fresh;
    auto keys_now = vault_->wrapping_keys(kLedgerKeyLabel);
    if (!keys_now) return fail(std::move(keys_now.error()));
    auto names_now = wrap_names(*ledger_);
    if (!names_now) return fail(std::move(names_now.error()));
    if (keys_now->front().name == keys->front().name && *names_now == *names) return explained(std::move(used.error()));
    keys = std::move(keys_now);
    names = std::move(names_now);
  }
}

/// A vault that the ledger knows, but from later.
tl::unexpected<Error> Runtime::explained(Error error) const {
  const auto names = wrap_names(*ledger_);
  const std::string same_vault = vault_->vault_id() + "/";
  if (names && std::any_of(names->begin(), names->end(), [&](const auto &one) { return one.starts_with(same_vault); }))
    error.message =
        "the vault is a copy from before its store key was rotated, and the ledger's key can't be opened with it; "
        "restore a newer copy of the vault or, if there is none, move the state directory away: a new ledger begins "
        "and knows of nothing in flight";
  return fail(std::move(error));
}

/// Wraps the ledger's key for the vault's present store key and takes the wraps for its predecessors away. Killed
/// before, between or after, the ledger opens: the vault knows its former keys.
Result<void> Runtime::follow_store_key() {
  const auto keys = vault_->wrapping_keys(kLedgerKeyLabel);
  if (!keys) return fail(keys.error());
  const auto names = wrap_names(*ledger_);
  if (!names) return fail(names.error());
  const auto &present = keys->front();
  if (!contains(*names, present.name))
    if (auto added = ledger_->add_wrap(present.key, present.name); !added) return added;
  for (auto former = keys->begin() + 1; former != keys->end(); ++former)
    if (contains(*names, former->name))
      if (auto dropped = ledger_->drop_wrap(former->name); !dropped) return dropped;
  return {};
}

Result<void> Runtime::compare_vault_generation() {
  const std::string id = vault_->vault_id();
  const std::uint64_t generation = vault_->generation();
  if (id.empty() || generation == vault_generation_) return {};
  const auto seen = ledger_->run_blocking(
      Durability::Full, [&](Tx &tx) -> Result<std::uint64_t> { return remember_generation(tx, id, generation); });
  if (!seen) return fail(seen.error());
  vault_generation_ = generation;
  vault_->expect_generation(id, *seen);
  // What is behind may only have been read before another process saved: the file itself decides.
  if (*seen > generation && !vault_->refresh())
    log_->write(LogLevel::Error, "the vault is an older copy than this ledger has seen, or can't be read",
                {{"generation", static_cast<std::int64_t>(generation)}, {"seen", static_cast<std::int64_t>(*seen)}});
  return {};
}

Result<void> Runtime::vault_unlock(std::string_view kind, std::string_view secret) {
  if (auto unlocked = vault_->unlock(kind, Secret(secret)); !unlocked) return unlocked;
  if (auto compared = compare_vault_generation(); !compared) return compared;
  return attach_ledger_key();
}

Result<void> Runtime::secret_set(std::string_view name, std::string_view value) {
  if (auto set = vault_->set(name, Secret(value)); !set) return set;
  if (auto attached = attach_ledger_key(); !attached) {
    attached.error().message = "the secret was stored, but the ledger can't be used: " + attached.error().message;
    return attached;
  }
  return journal_vault_change("secret_set", name);
}

Result<void> Runtime::secret_remove(std::string_view name) {
  if (auto removed = vault_->remove(name); !removed) return removed;
  return journal_vault_change("secret_removed", name);
}

Result<Answer> Runtime::describe_secret(const Json &request) {
  const std::string name = text_or(request, "name");
  vault::Vault::NoteChange change;
  if (request.contains("purpose")) change.purpose = text_or(request, "purpose");
  if (const auto end = request.find("not_after"); end != request.end()) {
    const auto time = end->is_null() ? UtcTicks() : UtcTicks::parse(end->get_ref<const std::string &>());
    if (!time)
      return fail(Error(Status::InvalidArgument,
                        "request at /not_after: must be a time in UTC such as 2027-01-31T00:00:00Z, or null")
                      .at("/not_after"));
    change.not_after = *time;
  }
  if (auto described = vault_->describe(name, change); !described) return fail(std::move(described.error()));
  if (auto journalled = journal_vault_change("secret_described", name); !journalled)
    return fail(std::move(journalled.error()));
  const Json status = vault_->status();
  for (const Json &secret : status["secrets"])
    if (secret["name"] == name) return Answer(Status::Ok, dump(secret));
  return fail(Status::NotFound, fmt::format("secret {} was removed meanwhile by somebody else", name));
}

/// The change has happened; what is missing if this fails is its record, and the caller is told so.
Result<void> Runtime::journal_vault_change(const std::string &change, std::string_view name) {
  if (!ledger_->has_key()) return {};
  const std::string id = vault_->vault_id();
  const std::uint64_t generation = vault_->generation();
  Json body = {{"change", change}, {"name", std::string(name)}, {"generation", generation}};
  const ledger::Record record("vault", RequestId(), "", std::move(body), clock_->utc());
  const Work<bool> work = [this, id, generation, record](loop::Scope &) -> loop::Task<Result<bool>> {
    const auto append = [&](Tx &tx) -> Result<std::int64_t> {
      if (!id.empty())
        if (auto seen = remember_generation(tx, id, generation); !seen) return fail(seen.error());
      return tx.append(record);
    };
    Result<std::int64_t> appended = co_await ledger_->run(Durability::Full, append);
    if (!appended) co_return fail(std::move(appended.error()));
    co_return true;
  };
  Result<bool> done = run<bool>("", -1, work);
  if (done) {
    vault_generation_ = generation;
    return {};
  }
  done.error().message = "the vault was changed, but the journal could not record it: " + done.error().message;
  return fail(std::move(done.error()));
}

Result<Answer> Runtime::vault_status() {
  (void)vault_->refresh();  // the document tells what is wrong
  (void)compare_vault_generation();
  return Answer(Status::Ok, dump(vault_->status()));
}

Result<void> Runtime::vault_rekey(std::string_view options_json, std::string_view new_secret, std::int32_t timeout_ms) {
  const milliseconds patience = timeout_ms < 0 ? config_timeout() : milliseconds(timeout_ms);
  Result<Json> options = options_json.data() == nullptr ? Json::object() : parse_json(options_json, "options");
  if (!options) return fail(std::move(options.error()));
  auto request = vault::RekeyRequest::from_json(*options);
  if (!request) return fail(std::move(request.error()));
  auto report = vault_->rekey(*request, Secret(new_secret), patience);
  if (!report) return fail(std::move(report.error()));
  auto followed = ledger_->has_key() ? follow_store_key() : attach_ledger_key();
  if (!followed) {
    followed.error().message = "the vault was changed, but the ledger can't be used: " + followed.error().message;
    return followed;
  }
  return journal_vault_change(report->change, report->slot);
}

}  // namespace cordon::plugin

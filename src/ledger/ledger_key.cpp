#include <fmt/format.h>

#include <algorithm>

#include "ledger/ledger.hpp"

namespace cordon::ledger {
namespace {

constexpr const char *kFileWrap = "ledger.key";

/// The ledger's key, unwrapped.
struct OpenedKey {
  OpenedKey(std::int64_t id_, Secret key_, bool in_file_) : id(id_), key(std::move(key_)), in_file(in_file_) {}
  std::int64_t id;
  Secret key;
  bool in_file;
  bool left_file = false;  ///< the key file was replaced by a vault's wrap
};

/// One use_key, inside a transaction.
class KeyOpening {
 public:
  KeyOpening(Tx &tx, const StateDir *directory, Random &random) : tx_(tx), directory_(directory), random_(random) {}

  Result<OpenedKey> with_wrapping_key(const Secret &wrapping_key, const std::string &name) {
    auto ready = read();
    if (!ready) return tl::unexpected(std::move(ready.error()));
    if (wraps_.empty()) return make(wrapping_key, name, false);
    if (const KeyWrap *own = find(name)) return unwrap(*own, wrapping_key, false);
    if (find(kFileWrap) != nullptr) return move_out_of_file(wrapping_key, name);
    return fail(
        Status::VaultWrongKey,
        fmt::format(
            "the ledger's key is wrapped for '{}', not for '{}'; use the vault this ledger was used with, or, if "
            "that is lost, move the state directory away: a new ledger begins and knows of nothing in flight",
            wraps_.front().name, name));
  }

  Result<OpenedKey> with_file() {
    auto ready = read();
    if (!ready) return tl::unexpected(std::move(ready.error()));
    if (!wraps_.empty() && find(kFileWrap) == nullptr)
      return fail(
          Status::VaultLocked,
          fmt::format("the ledger's key is wrapped for '{}'; configure and unlock that vault", wraps_.front().name));
    auto file_key = read_file(wraps_.empty());
    if (!file_key) return tl::unexpected(std::move(file_key.error()));
    if (wraps_.empty()) return make(*file_key, kFileWrap, true);
    return unwrap(*find(kFileWrap), *file_key, true);
  }

 private:
  Result<void> read() {
    auto id = tx_.get_meta("ledger_id");
    if (!id) return tl::unexpected(std::move(id.error()));
    ledger_id_ = id->value_or("");
    return tx_.key_wraps().map([&](std::vector<KeyWrap> wraps) { wraps_ = std::move(wraps); });
  }
  const KeyWrap *find(std::string_view name) const {
    const auto found =
        std::find_if(wraps_.begin(), wraps_.end(), [name](const KeyWrap &wrap) { return wrap.name == name; });
    return found == wraps_.end() ? nullptr : &*found;
  }
  Result<Secret> read_file(bool make_one) {
    if (directory_ == nullptr) return fail(Status::Internal, "this ledger has no directory for a key file");
    auto key = directory_->read_key_file();
    if (!key) return tl::unexpected(std::move(key.error()));
    if (*key) return std::move(**key);
    if (!make_one)
      return fail(Status::Ledger,
                  fmt::format("{} is missing and the ledger can't be used without it; restore it from a "
                              "backup, or move the whole directory away to begin a new ledger",
                              directory_->file(kFileWrap)));
    Secret fresh = random_key();
    return directory_->write_key_file(fresh).map([&] { return std::move(fresh); });
  }
  Secret random_key() {
    Secret key = Secret::zeros(kKeySize);
    random_.fill(key.data(), key.size());
    return key;
  }
  Result<OpenedKey> make(const Secret &wrapping_key, const std::string &name, bool in_file) {
    OpenedKey opened(1, random_key(), in_file);
    return put(opened, wrapping_key, name).map([&] { return std::move(opened); });
  }
  Result<OpenedKey> unwrap(const KeyWrap &wrap, const Secret &wrapping_key, bool in_file) {
    return unwrap_key(wrap, wrapping_key, ledger_id_).map([&](Secret key) {
      return OpenedKey(wrap.key_id, std::move(key), in_file);
    });
  }
  Result<OpenedKey> move_out_of_file(const Secret &wrapping_key, const std::string &name) {
    auto opened = read_file(false).and_then([&](const Secret &key) { return unwrap(*find(kFileWrap), key, false); });
    if (!opened) return opened;
    opened->left_file = true;
    return put(*opened, wrapping_key, name)
        .and_then([&] { return tx_.erase_key_wrap(opened->id, kFileWrap); })
        .map([&] { return std::move(*opened); });
  }
  Result<void> put(const OpenedKey &opened, const Secret &wrapping_key, const std::string &name) {
    return wrap_key(opened.key, opened.id, wrapping_key, name, ledger_id_, random_).and_then([&](const KeyWrap &wrap) {
      return tx_.put_key_wrap(wrap);
    });
  }

  Tx &tx_;
  const StateDir *directory_;
  Random &random_;
  std::string ledger_id_;
  std::vector<KeyWrap> wraps_;
};

}  // namespace

Result<void> Ledger::use_key(std::optional<Secret> wrapping_key, std::string wrap_name) {
  auto opened = run_blocking(Durability::Full, [&](Tx &tx) -> Result<OpenedKey> {
    KeyOpening opening(tx, directory_, random_);
    return wrapping_key ? opening.with_wrapping_key(*wrapping_key, wrap_name) : opening.with_file();
  });
  if (!opened) return tl::unexpected(std::move(opened.error()));
  if (opened->left_file && directory_ != nullptr) directory_->remove_key_file();
  // Only now is the wrap on disk for certain. The end is checked before any other closure can append behind it.
  return run_blocking(Durability::Full, [&](Tx &tx) -> Result<void> {
    if (keyring_->has_key()) {
      if (opened->left_file) keyring_->set_in_file(false);
      return {};
    }
    keyring_->set(opened->id, std::move(opened->key), opened->in_file);
    return check_at_open(tx);
  });
}

Result<void> Ledger::add_wrap(const Secret &wrapping_key, std::string wrap_name) {
  return run_blocking(Durability::Full, [&](Tx &tx) -> Result<void> {
    if (!keyring_->has_key()) return fail(Status::VaultLocked, "the ledger has no key yet; unlock the vault first");
    auto id = tx.get_meta("ledger_id");
    if (!id) return tl::unexpected(std::move(id.error()));
    return wrap_key(keyring_->key(), keyring_->key_id(), wrapping_key, wrap_name, id->value_or(""), random_)
        .and_then([&](const KeyWrap &wrap) { return tx.put_key_wrap(wrap); });
  });
}

Result<void> Ledger::drop_wrap(std::string wrap_name) {
  return run_blocking(Durability::Full, [&](Tx &tx) -> Result<void> {
    const auto wraps = tx.key_wraps();
    if (!wraps) return tl::unexpected(wraps.error());
    const bool others =
        std::any_of(wraps->begin(), wraps->end(), [&](const KeyWrap &wrap) { return wrap.name != wrap_name; });
    if (!others)
      return fail(Status::InvalidState, "the last wrap of the ledger's key can't be dropped; add another one first");
    for (const KeyWrap &wrap : *wraps)
      if (wrap.name == wrap_name)
        if (auto gone = tx.erase_key_wrap(wrap.key_id, wrap.name); !gone) return gone;
    return {};
  });
}

}  // namespace cordon::ledger

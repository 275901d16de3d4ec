#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/secure.hpp"

namespace cordon::vault {

/// One place of the config's `vault.unlock` where a key for the vault may lie. They are tried in the configured order.
class KeySource {
 public:
  enum class Kind { KeyFile, MountedKeyFile, SystemdCredential, Exec, Environment, Prompt };

  /// Reads one element of `vault.unlock`; `pointer` is its place in the config. Errors: INVALID_ARGUMENT with the
  /// pointer; NOT_SUPPORTED for a kind this version knows by name only.
  static Result<KeySource> from_json(const Json &source, const std::string &pointer);
  static KeySource key_file(std::string path) { return {Kind::KeyFile, std::move(path)}; }
  static KeySource mounted_key_file(std::string path) { return {Kind::MountedKeyFile, std::move(path)}; }

  Kind kind() const { return kind_; }
  const std::string &path() const { return path_; }

  /// The 32-byte key. Errors: VAULT_LOCKED when there is no key here (yet), naming the place and the remedy;
  /// VAULT_PERMISSIONS when others could read it; VAULT_WRONG_KEY when what lies there is no key. [any-thread]
  Result<Secret> load() const;

  /// For `status`: kind, path, whether a rule was relaxed for it. Never the key.
  Json describe() const;

 private:
  KeySource(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}
  Kind kind_;
  std::string path_;
};

/// 32 raw bytes, or 64 hex digits with at most one line feed behind them; else VAULT_WRONG_KEY, saying so about
/// `where`.
Result<Secret> parse_key(std::string_view bytes, std::string_view where);

}  // namespace cordon::vault

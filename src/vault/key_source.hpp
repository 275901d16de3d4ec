#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/secure.hpp"

namespace cordon::vault {

/// One place of the config's `vault.unlock` where a key for the vault may lie. They are tried in the configured order.
class KeySource {
 public:
  enum class Kind { KeyFile, MountedKeyFile, SystemdCredential, Exec, Environment, Prompt };

  /// Reads one element of `vault.unlock`; `pointer` is its place in the config. Errors: INVALID_ARGUMENT with the
  /// pointer.
  static Result<KeySource> from_json(const Json &source, const std::string &pointer);
  static KeySource key_file(std::string path) { return {Kind::KeyFile, std::move(path)}; }
  static KeySource mounted_key_file(std::string path) { return {Kind::MountedKeyFile, std::move(path)}; }

  Kind kind() const { return kind_; }
  /// Path of the file, name of the credential or the variable; empty for the others.
  const std::string &path() const { return path_; }
  /// "key file /etc/…", for error messages.
  std::string name() const;
  /// True when load() runs a program and may take until its time-out.
  bool is_slow() const { return kind_ == Kind::Exec; }

  /// The 32-byte key. Errors: VAULT_LOCKED when there is no key here (yet), naming the place and the remedy;
  /// VAULT_PERMISSIONS when others could read or change it; VAULT_WRONG_KEY when what lies there is no key.
  /// [any-thread] [blocking] when is_slow()
  Result<Secret> load() const;

  /// For `status`: kind, place, whether a rule was relaxed for it. Never the key.
  Json describe() const;
  /// What is weak about this source, for people; empty: nothing.
  std::string weakness() const;

 private:
  KeySource(Kind kind, std::string path) : kind_(kind), path_(std::move(path)) {}
  Kind kind_;
  std::string path_;
  std::vector<std::string> argv_;  // Exec
  milliseconds limit_{10'000};     // Exec
};

}  // namespace cordon::vault

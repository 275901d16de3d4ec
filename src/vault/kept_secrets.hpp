#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/random.hpp"
#include "base/secure.hpp"
#include "vault/payload.hpp"

namespace cordon::vault {

/// Secrets between their uses: each one sealed under a key that never leaves this process's guarded memory, so that
/// reading one opens only that one. Needs outside synchronisation.
class KeptSecrets {
 public:
  explicit KeptSecrets(Random &random);

  void replace_all(const std::vector<Payload::Entry> &entries);
  void put(const Payload::Entry &entry);
  bool erase(std::string_view name);
  void clear() { kept_.clear(); }
  std::optional<Secret> get(std::string_view name) const;
  /// False when there is none of that name.
  bool set_note(std::string_view name, const SecretNote &note);
  std::optional<SecretNote> note(std::string_view name) const;
  Json list() const;  ///< `[{name,purpose,created,not_after}]`
  /// Those that ended, or end within `notice`: `[{kind,name,not_after,message}]`.
  Json warnings(UtcTicks now, std::chrono::nanoseconds notice) const;

 private:
  struct Kept {
    SecretNote note;
    UtcTicks created;
    std::string sealed;
  };
  Random &random_;
  Secret key_;
  std::map<std::string, Kept, std::less<>> kept_;
};

}  // namespace cordon::vault

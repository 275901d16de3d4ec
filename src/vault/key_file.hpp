#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon::vault {

/// Who besides this process's user may have access to a file that holds a key.
enum class KeyFileRule {
  Own,                ///< nobody: mode 0400 or 0600, no link
  Mounted,            ///< Kubernetes, Docker: links; root as owner; an own group; everybody on a mount for this alone
  SystemdCredential,  ///< root as owner, a group in the mode (there it is the mask of an access list)
};

/// The 32-byte key in the file. Errors as KeySource::load. [any-thread]
Result<Secret> read_key_file(const std::string &path, KeyFileRule rule);

/// What is weak about the file as it lies there, for people; empty: nothing. [any-thread]
std::string key_file_weakness(const std::string &path, KeyFileRule rule);

/// 32 raw bytes, or 64 hex digits with at most one line feed behind them; else VAULT_WRONG_KEY, saying so about
/// `where`.
Result<Secret> parse_key(std::string_view bytes, std::string_view where);
/// One more than the longest text that is a key.
constexpr std::size_t kKeyReadSize = 66;

}  // namespace cordon::vault

#pragma once

#include <cstddef>
#include <string>

#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon {

enum class FileGuard {
  None,     ///< what is in it is short-lived and may be mounted for all
  Private,  ///< everybody must neither read nor write it, nor a group write it: it holds a private key
  NoLink,   ///< named by somebody else: a link is not followed
};

/// Reads a small regular file into guarded memory. `place` is where the config names it, for messages; `path` is not
/// quoted. Errors: INVALID_STATE (absent, unreadable, empty, longer than `limit`), VAULT_PERMISSIONS (open to others).
Result<Secret> read_secret_file(const std::string &path, std::size_t limit, FileGuard guard, const std::string &place);

/// Whether it could be read now, as far as that shows without reading it. Errors likewise.
Result<void> check_secret_file(const std::string &path, FileGuard guard, const std::string &place);

}  // namespace cordon

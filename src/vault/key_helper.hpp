#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secure.hpp"

namespace cordon::vault {

/// Runs a program that prints the vault's key: `argv[0]` absolute, no shell, an empty environment, `/` as directory, no
/// descriptor but its output, all signals as after an exec. It is killed with its process group when `limit` is over.
/// Errors: VAULT_LOCKED (does not run, fails, takes too long; never what it printed), VAULT_PERMISSIONS when others
/// could change the program, VAULT_WRONG_KEY when it printed no key. [any-thread] [blocking]
Result<Secret> key_from_helper(const std::vector<std::string> &argv, milliseconds limit);

}  // namespace cordon::vault

#include "vault/key_helper.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/helper_process.hpp"
#include "base/system_reason.hpp"
#include "vault/key_file.hpp"

namespace cordon::vault {
namespace {

tl::unexpected<Error> locked(const std::string &where, std::string_view why) {
  return fail(Status::VaultLocked, fmt::format("{} {}", where, why));
}

Result<void> check_program(const std::string &path, const std::string &where) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return locked(where, fmt::format("can't be run: {}", system_reason(errno)));
  if ((found.st_mode & 022) != 0 || (found.st_uid != 0 && found.st_uid != geteuid()))
    return fail(Status::VaultPermissions,
                fmt::format("{} can be changed by others (owner {}, mode {:04o}); it must belong to root or to user "
                            "{} and be writable by nobody else",
                            where, found.st_uid, found.st_mode & 07777, geteuid()));
  return {};
}

}  // namespace

Result<Secret> key_from_helper(const std::vector<std::string> &argv, milliseconds limit) {
  const std::string where = fmt::format("the vault's key helper {}", argv.at(0));
  if (auto checked = check_program(argv[0], where); !checked) return fail(std::move(checked.error()));
  auto printed = HelperProcess::run(argv, limit);
  if (!printed) return fail(Status::VaultLocked, "the vault has no key: " + printed.error().message);
  return parse_key(printed->reveal(), where);
}

}  // namespace cordon::vault

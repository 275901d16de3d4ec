#include "vault/key_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "vault/crypto.hpp"
#include "vault/descriptor.hpp"
#include "vault/own_group.hpp"

namespace cordon::vault {
namespace {

/// The member that names a kind in the config, and whether this version can take a key from it.
struct KindName {
  const char *member;
  KeySource::Kind kind;
  bool offered;
};
constexpr KindName kKinds[] = {
    {"key_file", KeySource::Kind::KeyFile, true}, {"systemd_credential", KeySource::Kind::SystemdCredential, false},
    {"exec", KeySource::Kind::Exec, false},       {"environment", KeySource::Kind::Environment, false},
    {"prompt", KeySource::Kind::Prompt, false},
};

constexpr std::size_t kHexKeySize = 2 * kKeySize;

tl::unexpected<Error> refuse(const std::string &where, std::string_view why, std::string_view remedy) {
  return fail(Status::VaultPermissions, fmt::format("{} {}; {}", where, why, remedy));
}

Result<void> check_own_file(const struct stat &file, const std::string &where, const std::string &path) {
  if (file.st_uid != geteuid())
    return refuse(where, fmt::format("belongs to user {}, not to {} who runs this process", file.st_uid, geteuid()),
                  "chown it, or use \"mounted\":true for a mounted secret");
  if ((file.st_mode & 07777) != 0400 && (file.st_mode & 07777) != 0600)
    return refuse(where, fmt::format("has mode {:04o}; only its owner may read it", file.st_mode & 07777),
                  fmt::format("run: chmod 0400 {}", path));
  return {};
}

Result<void> check_mounted_file(const struct stat &file, const std::string &where) {
  if (file.st_uid != geteuid() && file.st_uid != 0)
    return refuse(where, fmt::format("belongs to user {}, neither root nor {}", file.st_uid, geteuid()),
                  "mount it as root or as the user of this process");
  if ((file.st_mode & 027) != 0)
    return refuse(where, fmt::format("has mode {:04o}: others could read or change it", file.st_mode & 07777),
                  "mount it with mode 0440 or 0400 (Kubernetes: defaultMode and fsGroup)");
  if ((file.st_mode & 040) != 0 && !in_own_group(file.st_gid))
    return refuse(where, fmt::format("is readable by group {}, which is none of this process's", file.st_gid),
                  "mount it with mode 0400, or with a group of this process");
  return {};
}

}  // namespace

Result<KeySource> KeySource::from_json(const Json &source, const std::string &pointer) {
  const auto wrong = [&](std::string message, const char *member = "") {
    std::string place = pointer;
    if (*member != '\0') place += std::string("/") + member;
    return fail(Error(Status::InvalidArgument, "config at " + place + ": " + message).at(place));
  };
  if (!source.is_object()) return wrong("a key source is an object such as {\"key_file\":\"/etc/cordon/vault.key\"}");
  const auto named = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const KindName &kind) { return source.contains(kind.member); });
  if (named == std::end(kKinds)) return wrong("names no key source; give key_file");
  if (!named->offered)
    return fail(Error(Status::NotSupported,
                      fmt::format("config at {}/{}: this version takes the vault's key from a key_file or from "
                                  "cordon_vault_unlock only",
                                  pointer, named->member))
                    .at(pointer + "/" + named->member));
  for (const auto &[member, value] : source.items())
    if (member != named->member && member != "mounted")
      return fail(Error(Status::InvalidArgument, fmt::format("config at {}: unknown key {}", pointer, member))
                      .at(pointer + "/" + json_pointer_token(member)));
  const Json &path = source[named->member];
  if (!path.is_string() || !path.get_ref<const std::string &>().starts_with('/') ||
      path.get_ref<const std::string &>().find('\0') != std::string::npos)
    return wrong("must be an absolute path", named->member);
  if (source.contains("mounted") && !source["mounted"].is_boolean()) return wrong("must be true or false", "mounted");
  return KeySource(bool_or(source, "mounted", false) ? Kind::MountedKeyFile : named->kind, path.get<std::string>());
}

Result<Secret> KeySource::load() const {
  const bool mounted = kind_ == Kind::MountedKeyFile;
  const std::string where = fmt::format("the vault's key file {}", path_);
  const Descriptor file(
      ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (mounted ? 0 : O_NOFOLLOW)));
  if (!file) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR)
      return fail(Status::VaultLocked,
                  fmt::format("{} does not exist; make one (umask 077; head -c 32 /dev/urandom > {}) or put the right "
                              "one there",
                              where, path_));
    if (error == ELOOP) return refuse(where, "is a symbolic link", "name the file itself, or use \"mounted\":true");
    if (error == EACCES || error == EPERM)
      return refuse(where, fmt::format("can't be read by user {}", geteuid()), "chown it to that user with mode 0400");
    return fail(Status::VaultLocked, fmt::format("{} can't be opened: {}", where, std::strerror(error)));
  }
  struct stat found {};
  if (fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode))
    return refuse(where, "is not a regular file", "put the key into a plain file");
  if (auto checked = mounted ? check_mounted_file(found, where) : check_own_file(found, where, path_); !checked)
    return fail(std::move(checked.error()));

  Secret bytes = Secret::zeros(kHexKeySize + 2);  // one more than the longest that is right
  const auto size = read_up_to(file, bytes.data(), bytes.size());
  if (!size) return fail(Status::VaultLocked, fmt::format("{} can't be read: {}", where, std::strerror(errno)));
  bytes.resize(*size);
  return parse_key(bytes.reveal(), where);
}

Json KeySource::describe() const {
  Json out = {{"kind", "key_file"}, {"path", path_}};
  if (kind_ == Kind::MountedKeyFile) out["mounted"] = true;
  return out;
}

Result<Secret> parse_key(std::string_view bytes, std::string_view where) {
  if (bytes.size() == kKeySize) return Secret(bytes);
  if (bytes.size() == kHexKeySize + 1 && bytes.back() == '\n') bytes.remove_suffix(1);
  Secret key = Secret::zeros(kKeySize);
  std::size_t size = 0;
  if (bytes.size() == kHexKeySize &&
      sodium_hex2bin(key.bytes(), key.size(), bytes.data(), bytes.size(), nullptr, &size, nullptr) == 0 &&
      size == kKeySize)
    return key;
  return fail(
      Status::VaultWrongKey,
      fmt::format("{} holds no key: expected 32 raw bytes, or 64 hexadecimal digits and at most a line feed", where));
}

}  // namespace cordon::vault

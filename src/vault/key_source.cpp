#include "vault/key_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "vault/key_file.hpp"
#include "vault/key_helper.hpp"

namespace cordon::vault {
namespace {

constexpr const char *kCredentialsDirectory = "CREDENTIALS_DIRECTORY";

bool is_absolute_path(const Json &value) {
  return value.is_string() && value.get_ref<const std::string &>().starts_with('/') &&
         value.get_ref<const std::string &>().find('\0') == std::string::npos;
}

bool is_credential_name(const Json &value) {
  if (!value.is_string()) return false;
  const auto &name = value.get_ref<const std::string &>();
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

bool is_variable_name(const Json &value) {
  if (!value.is_string()) return false;
  const auto &name = value.get_ref<const std::string &>();
  return !name.empty() && (name[0] < '0' || name[0] > '9') && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_command(const Json &value) {
  constexpr std::size_t kMaxWords = 64;
  return value.is_array() && !value.empty() && value.size() <= kMaxWords && is_absolute_path(value[0]) &&
         std::all_of(value.begin(), value.end(), [](const Json &word) {
           return word.is_string() && word.get_ref<const std::string &>().find('\0') == std::string::npos;
         });
}

bool is_true(const Json &value) {
  return value.is_boolean() && value.get<bool>();
}

/// The member that names a kind in the config, what it must be, and the further member it may have.
struct KindName {
  const char *member;
  KeySource::Kind kind;
  bool (*is_right)(const Json &);
  const char *expected;
  const char *option;
};
constexpr KindName kKinds[] = {
    {"key_file", KeySource::Kind::KeyFile, is_absolute_path, "must be an absolute path", "mounted"},
    {"systemd_credential", KeySource::Kind::SystemdCredential, is_credential_name,
     "must be the name of a credential, without a slash", ""},
    {"exec", KeySource::Kind::Exec, is_command, "must be the absolute path of a program and its arguments, as a list",
     "timeout_ms"},
    {"environment", KeySource::Kind::Environment, is_variable_name, "must be the name of an environment variable", ""},
    {"prompt", KeySource::Kind::Prompt, is_true, "must be true, or leave the source out", ""},
};

Result<Secret> load_credential(const std::string &name) {
  const char *directory = secure_getenv(kCredentialsDirectory);
  if (directory == nullptr || *directory != '/')
    return fail(Status::VaultLocked,
                fmt::format("there is no credential {}: {} is not set; start this process by a systemd unit with "
                            "LoadCredential={}:… or LoadCredentialEncrypted=",
                            name, kCredentialsDirectory, name));
  return read_key_file(fmt::format("{}/{}", directory, name), KeyFileRule::SystemdCredential);
}

Result<Secret> load_variable(const std::string &name) {
  const char *value = secure_getenv(name.c_str());
  if (value == nullptr || *value == '\0')
    return fail(Status::VaultLocked, fmt::format("the environment variable {} is not set; put the vault's key into it "
                                                 "as 64 hexadecimal digits, or better use another source",
                                                 name));
  return parse_key(value, fmt::format("the environment variable {}", name));
}

}  // namespace

Result<KeySource> KeySource::from_json(const Json &source, const std::string &pointer) {
  const auto wrong = [&](std::string_view message, std::string_view member = "") {
    const std::string place = member.empty() ? pointer : pointer + "/" + json_pointer_token(member);
    return fail(Error(Status::InvalidArgument, fmt::format("config at {}: {}", place, message)).at(place));
  };
  if (!source.is_object()) return wrong("a key source is an object such as {\"key_file\":\"/etc/cordon/vault.key\"}");
  const auto named = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const KindName &kind) { return source.contains(kind.member); });
  if (named == std::end(kKinds))
    return wrong("names no key source; give one of key_file, systemd_credential, exec, environment, prompt");
  for (const auto &[member, value] : source.items())
    if (member != named->member && member != named->option)
      return wrong(fmt::format("unknown beside {}; one source has one place for a key", named->member), member);
  const Json &place = source[named->member];
  if (!named->is_right(place)) return wrong(named->expected, named->member);

  KeySource out(named->kind, place.is_string() ? place.get<std::string>() : std::string());
  if (const auto mounted = source.find("mounted"); mounted != source.end()) {
    if (!mounted->is_boolean()) return wrong("must be true or false", "mounted");
    if (mounted->get<bool>()) out.kind_ = Kind::MountedKeyFile;
  }
  if (named->kind == Kind::Exec) {
    out.argv_ = place.get<std::vector<std::string>>();
    if (const auto limit = source.find("timeout_ms"); limit != source.end()) {
      if (!limit->is_number_integer() || *limit < 100 || *limit > 60'000)
        return wrong("must be 100 to 60000 milliseconds", "timeout_ms");
      out.limit_ = milliseconds(limit->get<std::int64_t>());
    }
  }
  return out;
}

std::string KeySource::name() const {
  switch (kind_) {
    case Kind::KeyFile:
    case Kind::MountedKeyFile:
      return "key file " + path_;
    case Kind::SystemdCredential:
      return "systemd credential " + path_;
    case Kind::Exec:
      return "key helper " + argv_[0];
    case Kind::Environment:
      return "environment variable " + path_;
    case Kind::Prompt:
      break;
  }
  return "prompt";
}

Result<Secret> KeySource::load() const {
  switch (kind_) {
    case Kind::KeyFile:
      return read_key_file(path_, KeyFileRule::Own);
    case Kind::MountedKeyFile:
      return read_key_file(path_, KeyFileRule::Mounted);
    case Kind::SystemdCredential:
      return load_credential(path_);
    case Kind::Exec:
      return key_from_helper(argv_, limit_);
    case Kind::Environment:
      return load_variable(path_);
    case Kind::Prompt:
      break;
  }
  return fail(Status::VaultLocked, "only the command line `cordon` asks for a passphrase");
}

Json KeySource::describe() const {
  switch (kind_) {
    case Kind::KeyFile:
      return {{"kind", "key_file"}, {"path", path_}};
    case Kind::MountedKeyFile:
      return {{"kind", "key_file"}, {"path", path_}, {"mounted", true}};
    case Kind::SystemdCredential:
      return {{"kind", "systemd_credential"}, {"name", path_}};
    case Kind::Exec:
      return {{"kind", "exec"}, {"path", argv_[0]}};
    case Kind::Environment:
      return {{"kind", "environment"}, {"name", path_}, {"weak", true}};
    case Kind::Prompt:
      break;
  }
  return {{"kind", "prompt"}};
}

std::string KeySource::weakness() const {
  if (kind_ == Kind::MountedKeyFile) return key_file_weakness(path_, KeyFileRule::Mounted);
  if (kind_ == Kind::Environment)
    return fmt::format(
        "the vault's key lies in the environment variable {}, where every child process and core dump has it; use a "
        "key file or a credential",
        path_);
  return "";
}

}  // namespace cordon::vault

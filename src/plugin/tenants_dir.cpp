#include "plugin/tenants_dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "base/text.hpp"

namespace cordon::plugin {
namespace {

constexpr const char *kPointer = "/tenants_dir";
constexpr std::string_view kSuffix = ".json";
constexpr std::size_t kLongestFile = 1u << 20;
constexpr std::size_t kMostTenants = 10'000;
constexpr std::size_t kLongestName = 64;
/// The link through which a kubelet exchanges all files of a volume at once.
constexpr const char *kVolumeLink = "..data";
constexpr int kMostUpdates = 100;

tl::unexpected<Error> refuse_directory(const std::string &problem) {
  return fail(
      Error(Status::InvalidArgument, fmt::format("config at {}: the directory {}", kPointer, problem)).at(kPointer));
}

tl::unexpected<Error> refuse_file(const std::string &path, const std::string &problem) {
  return fail(Error(Status::InvalidArgument, fmt::format("the tenant's file {} {}", path, problem)).at(path + "#"));
}

/// Who could put words into it besides root and this user; empty: nobody.
std::string intruder(const struct stat &found) {
  if (found.st_uid != 0 && found.st_uid != geteuid())
    return fmt::format("belongs to user {}, neither to root nor to {} who runs this process; chown it", found.st_uid,
                       geteuid());
  if ((found.st_mode & 022) != 0)
    return fmt::format("has mode {:04o}, so that others could change it; run: chmod go-w on it", found.st_mode & 07777);
  return {};
}

bool is_read_only(const Descriptor &file) {
  struct statvfs system {};
  return fstatvfs(file.get(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0;
}

Result<Descriptor> open_directory(int beside, const char *path) {
  const StandardDescriptorsHeld held;
  Descriptor directory(openat(beside, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory)
    return refuse_directory(
        fmt::format("can't be read: {}; make it, with one <name>.json for each tenant, or remove "
                    "the member",
                    system_reason(errno)));
  struct stat found {};
  if (fstat(directory.get(), &found) != 0)
    return refuse_directory(fmt::format("can't be read: {}", system_reason(errno)));
  if (const std::string problem = intruder(found); !problem.empty() && !is_read_only(directory))
    return refuse_directory(problem);
  return directory;
}

/// The names of its tenants' files.
Result<std::vector<std::string>> list(const Descriptor &directory) {
  const StandardDescriptorsHeld held;
  const int own = openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR *)> stream(own < 0 ? nullptr : fdopendir(own), &closedir);
  if (stream == nullptr) {
    if (own >= 0) close(own);
    return refuse_directory(fmt::format("can't be read: {}", system_reason(errno)));
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent *entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with('.') || !name.ends_with(kSuffix)) continue;
    if (names.size() == kMostTenants)
      return refuse_directory(fmt::format("holds more than {} tenants; use several clients", kMostTenants));
    names.emplace_back(name);
  }
  if (errno != 0) return refuse_directory(fmt::format("can't be read: {}", system_reason(errno)));
  std::sort(names.begin(), names.end());
  return names;
}

/// The text of one file; nullopt: it has gone.
Result<std::optional<std::string>> read_text(const Descriptor &directory, const std::string &name,
                                             const std::string &path) {
  const StandardDescriptorsHeld held;
  const Descriptor file(openat(directory.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat found {};
  if (!file && errno == ENOENT) {
    if (fstatat(directory.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
    return refuse_file(path, "is a link to a file that does not exist; link it to the tenant's file, or remove it");
  }
  if (!file)
    return refuse_file(path, fmt::format("can't be read: {}; give it to the user of this process (uid {})",
                                         system_reason(errno), geteuid()));
  if (fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode))
    return refuse_file(path, "is no regular file; put the tenant's JSON into a plain file");
  if (const std::string problem = intruder(found); !problem.empty()) return refuse_file(path, problem);
  std::string text(kLongestFile + 1, '\0');
  const auto size = read_up_to(file, text.data(), text.size());
  if (!size) return refuse_file(path, fmt::format("can't be read: {}", system_reason(errno)));
  if (*size > kLongestFile) return refuse_file(path, fmt::format("is longer than {} bytes", kLongestFile));
  text.resize(*size);
  return text;
}

Result<Json> parse(const std::string &text, const std::string &path) {
  Result<Json> json = parse_json(text, path);
  if (!json) {
    json.error().pointer = path + "#" + json.error().pointer;
    return json;
  }
  if (!json->is_object()) return refuse_file(path, "holds no JSON object; give one with the members of a tenant");
  return json;
}

Result<std::vector<TenantFile>> read_all(const Descriptor &directory, const std::string &path) {
  auto names = list(directory);
  if (!names) return fail(std::move(names.error()));
  std::vector<TenantFile> files;
  for (const std::string &name : *names) {
    const std::string shown = path + "/" + printable(name, 300);
    const std::string tenant = name.substr(0, name.size() - kSuffix.size());
    if (!is_tenant_name(tenant)) {
      files.emplace_back(printable(tenant, kLongestName), shown,
                         refuse_file(shown, fmt::format("can't name a tenant: use 1 to {} bytes of printable UTF-8 "
                                                        "before .json",
                                                        kLongestName)));
      continue;
    }
    auto text = read_text(directory, name, shown);
    if (text && !*text) continue;  // removed this moment
    Result<Json> content = text ? parse(**text, shown) : Result<Json>(fail(std::move(text.error())));
    files.emplace_back(tenant, shown, std::move(content));
  }
  return files;
}

bool is_present_volume(const Descriptor &directory, const Descriptor &volume) {
  struct stat linked {};
  struct stat held {};
  return fstatat(directory.get(), kVolumeLink, &linked, 0) == 0 && fstat(volume.get(), &held) == 0 &&
         linked.st_ino == held.st_ino && linked.st_dev == held.st_dev;
}

}  // namespace

bool is_tenant_name(const std::string &name) {
  return !name.empty() && name.size() <= kLongestName && is_utf8(name) && printable(name, kLongestName) == name;
}

Result<std::vector<TenantFile>> read_tenants_dir(const std::string &path) {
  Error problem;
  for (int updates = 0; updates < kMostUpdates; ++updates) {
    const auto directory = open_directory(AT_FDCWD, path.c_str());
    if (!directory) return fail(directory.error());
    struct stat link {};
    if (fstatat(directory->get(), kVolumeLink, &link, AT_SYMLINK_NOFOLLOW) != 0) return read_all(*directory, path);
    // What is below the link belongs together. Removed is it only after another has taken its place.
    const auto volume = open_directory(directory->get(), kVolumeLink);
    if (volume) {
      auto files = read_all(*volume, path);
      if (is_present_volume(*directory, *volume)) return files;
    }
    problem =
        volume ? refuse_directory("is exchanged again and again while it is read; try again").value() : volume.error();
  }
  return fail(std::move(problem));
}

}  // namespace cordon::plugin

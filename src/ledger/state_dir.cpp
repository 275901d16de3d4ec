#include "ledger/state_dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/ids.hpp"
#include "base/open_file.hpp"
#include "base/system_reason.hpp"
#include "ledger/keyring.hpp"

namespace cordon::ledger {
namespace {

constexpr const char *kKeyFile = "ledger.key";
// Opening a ledger takes milliseconds; making one a few more.
constexpr auto kOpeningPatience = std::chrono::seconds(10);
constexpr auto kOpeningPause = std::chrono::milliseconds(5);

/// A descriptor that is closed unless released.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

tl::unexpected<Error> refuse(const std::string &path, std::string_view what) {
  return fail(Status::Ledger, fmt::format("the state directory {} {}", path, what));
}

Result<void> make_directory(const std::string &path) {
  if (make_private_directory(path) || errno == EEXIST) return {};
  return refuse(path, fmt::format("can't be made: {}; make it, mode 0700, owned by the user of this process",
                                  system_reason(errno)));
}

Result<void> check_directory(const std::string &path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return refuse(path, fmt::format("can't be used: {}", system_reason(errno)));
  if (!S_ISDIR(status.st_mode)) return refuse(path, "is not a directory; name another state_dir");
  if (status.st_uid != ::geteuid())
    return refuse(path, fmt::format("belongs to user {} and this process runs as {}; change its owner or name another "
                                    "state_dir",
                                    status.st_uid, ::geteuid()));
  if ((status.st_mode & 022) != 0)
    return refuse(path, fmt::format("is writable by group or others (mode {:04o}); run: chmod 0700 {}",
                                    status.st_mode & 07777, path));
  struct statfs system {};
  if (::statfs(path.c_str(), &system) != 0)
    return refuse(path, fmt::format("can't be examined: {}", system_reason(errno)));
  if (const char *unfit = unfit_file_system(static_cast<long>(system.f_type)))
    return refuse(path,
                  fmt::format("lies on {} (type {:#x}), where the ledger's locks do not hold; name a state_dir on a "
                              "local disk",
                              unfit, static_cast<unsigned long>(system.f_type)));
  return {};
}

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// The locked descriptor; nullopt if somebody else holds the lock.
Result<std::optional<int>> open_locked(const std::string &file) {
  Descriptor fd(open_file(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (fd.get() < 0) return fail(Status::Ledger, fmt::format("{} can't be opened: {}", file, system_reason(errno)));
  struct flock lock = whole_file();
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0) return fd.release();
  if (errno == EAGAIN || errno == EACCES) return std::nullopt;
  return fail(Status::Ledger, fmt::format("{} can't be locked: {}", file, system_reason(errno)));
}

void close_lock(std::atomic<int> &fd) noexcept {
  const int old = fd.exchange(-1);
  if (old >= 0) ::close(old);
}

std::string read_text(const std::string &path) {
  const Descriptor fd(open_file(path, O_RDONLY | O_NOFOLLOW));
  std::array<char, 512> text{};
  const ssize_t size = fd.get() < 0 ? -1 : ::read(fd.get(), text.data(), text.size());
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

/// Which process this is, also among those of other containers: pid, its name space and its start.
std::string process_name() {
  std::array<char, 64> name_space{};
  const ssize_t size = ::readlink("/proc/self/ns/pid", name_space.data(), name_space.size() - 1);
  const std::string stat = read_text("/proc/self/stat");
  // The 22nd field; those up to the command's closing bracket are the first two.
  std::size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  const std::string start = at == std::string::npos ? "" : stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
  return fmt::format("{} {} {}", ::getpid(), size > 0 ? name_space.data() : "", start);
}

/// Differs between two copies of this code in one process.
std::string copy_name() {
  static const char here = 0;
  return fmt::format("{}", static_cast<const void *>(&here));
}

std::string this_process() {
  return process_name() + "\n" + copy_name() + "\n";
}

bool is_other_copy_here(const std::string &owner_text) {
  return owner_text.starts_with(process_name() + "\n") && owner_text != this_process();
}

}  // namespace

Result<std::unique_ptr<StateDir>> StateDir::open(const std::string &path, Random &random) {
  if (path.empty() || path.front() != '/')
    return fail(Error(Status::InvalidArgument, "state_dir must be an absolute path").at("/state_dir"));
  std::unique_ptr<StateDir> directory(new StateDir(path, make_request_id(random).str()));
  while (directory->path_.size() > 1 && directory->path_.back() == '/') directory->path_.pop_back();
  return make_directory(directory->path_)
      .and_then([&] { return check_directory(directory->path_); })
      .and_then([&] { return directory->take_turn(); })
      .and_then([&] { return directory->look_at_others(); })
      .and_then([&] { return directory->enter(); })
      .map([&] { return std::move(directory); });
}

Result<void> StateDir::take_turn() {
  const auto patience = std::chrono::steady_clock::now() + kOpeningPatience;
  for (;;) {
    auto held = open_locked(file("ledger.lock"));
    if (!held) return tl::unexpected(held.error());
    if (*held) return turn_ = **held, Result<void>();
    if (std::chrono::steady_clock::now() >= patience)
      return refuse(path_, fmt::format("is being opened by another client for more than {} s; if that one is stopped, "
                                       "continue or end it",
                                       kOpeningPatience.count()));
    std::this_thread::sleep_for(kOpeningPause);
  }
}

void StateDir::end_opening() noexcept {
  close_lock(turn_);
}

Result<void> StateDir::enter() {
  auto own = open_locked(owner_file_);
  if (!own) return tl::unexpected(own.error());
  if (!*own) return fail(Status::Internal, fmt::format("{}/owners/{} is locked already", path_, owner_));
  owner_lock_ = **own;
  const std::string text = this_process();
  if (::write(owner_lock_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail(Status::Ledger, fmt::format("{}/owners/{} can't be written: {}; make room on the disk", path_, owner_,
                                            system_reason(errno)));
  bell_ = open_file(file("bell"), O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (bell_ < 0) return fail(Status::Ledger, fmt::format("{} can't be opened: {}", file("bell"), system_reason(errno)));
  return {};
}

/// Clears away the names of the dead; refuses to share the ledger with another copy of this code in this process.
Result<void> StateDir::look_at_others() const {
  const std::string owners = file("owners");
  if (!make_private_directory(owners) && errno != EEXIST)
    return fail(Status::Ledger, fmt::format("{} can't be made: {}", owners, system_reason(errno)));
  const std::unique_ptr<DIR, int (*)(DIR *)> names(::opendir(owners.c_str()), ::closedir);
  if (names == nullptr) return fail(Status::Ledger, fmt::format("{} can't be read: {}", owners, system_reason(errno)));
  while (const dirent *entry = ::readdir(names.get())) {
    if (!is_uuid(entry->d_name)) continue;
    if (!is_alive(entry->d_name)) {
      ::unlinkat(::dirfd(names.get()), entry->d_name, 0);
    } else if (is_other_copy_here(read_text(owners + "/" + entry->d_name))) {
      return refuse(path_,
                    "is in use by another copy of libcordon in this process, and their file locks would undo each "
                    "other; load the library from one path only, or give this client a state_dir of its own");
    }
  }
  return {};
}

bool StateDir::is_alive(std::string_view client) const {
  if (client == owner_) return true;
  if (!is_uuid(client)) return false;
  // Opened for reading: closing what was opened for writing is what tells the others of a death.
  const Descriptor fd(open_file(file("owners/") + std::string(client), O_RDONLY | O_NOFOLLOW));
  if (fd.get() < 0) return errno != ENOENT;
  struct flock lock = whole_file();
  return ::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

void StateDir::ring() noexcept {
  const char stroke = '.';
  (void)!::pwrite(bell_, &stroke, 1, 0);  // unheard, the others still look from time to time
}

StateDir::~StateDir() {
  if (owner_lock_ >= 0) ::unlink(owner_file_.c_str());
  close_after_fork();
}

void StateDir::close_after_fork() noexcept {
  close_lock(owner_lock_);
  close_lock(turn_);
  close_lock(bell_);
}

Result<std::optional<Secret>> StateDir::read_key_file() const {
  const std::string path = file(kKeyFile);
  const Descriptor fd(open_file(path, O_RDONLY | O_NOFOLLOW));
  if (fd.get() < 0 && errno == ENOENT) return std::nullopt;
  struct stat status {};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0)
    return fail(Status::Ledger, fmt::format("the ledger's key file {} can't be read: {}", path, system_reason(errno)));
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return fail(Status::Ledger,
                fmt::format("the ledger's key file {} is open to others; it must be yours, mode 0600", path));
  Secret key = Secret::zeros(kKeySize + 1);
  const ssize_t size = ::read(fd.get(), key.data(), key.size());
  if (size != static_cast<ssize_t>(kKeySize))
    return fail(Status::Ledger, fmt::format("the ledger's key file {} does not hold {} bytes; restore it from a backup",
                                            path, kKeySize));
  key.resize(kKeySize);
  return key;
}

Result<void> StateDir::write_key_file(const Secret &key) const {
  const std::string path = file(kKeyFile);
  const std::string draft = path + ".new";
  const auto failed = [&] {
    const int reason = errno;
    ::unlink(draft.c_str());
    return fail(Status::Ledger,
                fmt::format("the ledger's key file {} can't be written: {}", path, system_reason(reason)));
  };
  ::unlink(draft.c_str());
  const Descriptor fd(open_file(draft, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (fd.get() < 0) return failed();
  if (::write(fd.get(), key.reveal().data(), key.size()) != static_cast<ssize_t>(key.size())) return failed();
  // link, unlike rename, never replaces a key that is there.
  if (::fsync(fd.get()) != 0 || ::link(draft.c_str(), path.c_str()) != 0) return failed();
  ::unlink(draft.c_str());
  const Descriptor directory(open_file(path_, O_RDONLY | O_DIRECTORY));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) return failed();
  return {};
}

void StateDir::remove_key_file() const noexcept {
  ::unlink(file(kKeyFile).c_str());
}

}  // namespace cordon::ledger

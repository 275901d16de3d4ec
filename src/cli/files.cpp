#include "cli/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/report.hpp"

namespace cordon::cli {
namespace {

constexpr std::size_t kMaxTextBytes = 1u << 20;

[[noreturn]] void fail(const std::string &path, const char *what) {
  const int error = errno;
  throw Failure(fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

int open_to_read(const std::string &path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path, "open");
  return fd;
}

std::size_t read_some(int fd, char *to, std::size_t size, const std::string &name) {
  ssize_t count = 0;
  do {
    count = read(fd, to, size);
  } while (count < 0 && errno == EINTR);
  if (count < 0) fail(name, "read");
  return static_cast<std::size_t>(count);
}

void write_all(int fd, const char *bytes, std::size_t size, const std::string &path) {
  while (size > 0) {
    const ssize_t count = write(fd, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, "write");
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

}  // namespace

SecretBytes::SecretBytes() : bytes_(kMax + 1) {
  mlock(bytes_.data(), bytes_.size());
}

SecretBytes::~SecretBytes() {
  explicit_bzero(bytes_.data(), bytes_.size());
  munlock(bytes_.data(), bytes_.size());
}

void SecretBytes::read_from(int fd, const std::string &name) {
  while (const std::size_t count = read_some(fd, bytes_.data() + size_, bytes_.size() - size_, name)) {
    size_ += count;
    if (size_ > kMax) throw Failure(fmt::format("{} holds more than {} bytes; that is no secret", name, kMax));
  }
  drop_line_end();
}

void SecretBytes::drop_line_end() {
  std::size_t end = size_;
  if (end > 0 && bytes_[end - 1] == '\n') --end;
  if (end > 0 && end < size_ && bytes_[end - 1] == '\r') --end;
  const bool one_line = std::none_of(bytes_.data(), bytes_.data() + end, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  if (one_line) size_ = end;
}

void read_secret(SecretBytes &secret, const std::string &path, const std::string &prompt) {
  if (!path.empty()) {
    const Descriptor file(open_to_read(path));
    secret.read_from(file.get(), path);
  } else if (isatty(STDIN_FILENO) == 1) {
    secret.ask(prompt);
  } else {
    secret.read_from(STDIN_FILENO, "standard input");
  }
  if (secret.size() == 0) throw Failure("the secret is empty; nothing was stored");
}

void read_new_passphrase(SecretBytes &passphrase, const std::string &path) {
  if (path.empty() && isatty(STDIN_FILENO) == 1)
    ask_new_passphrase(passphrase);
  else
    read_secret(passphrase, path, "");
}

void ask_new_passphrase(SecretBytes &passphrase) {
  passphrase.ask("New passphrase of the vault: ");
  SecretBytes again;
  again.ask("The same again: ");
  const bool same =
      again.size() == passphrase.size() && std::equal(again.data(), again.data() + again.size(), passphrase.data());
  if (!same) throw Failure("the two passphrases differ; nothing was changed");
}

std::string read_text(const std::string &path) {
  const bool standard_input = path == "-";
  const Descriptor file(standard_input ? dup(STDIN_FILENO) : open_to_read(path));
  std::string text;
  std::array<char, 16384> piece{};
  while (const std::size_t count = read_some(file.get(), piece.data(), piece.size(), path)) {
    text.append(piece.data(), count);
    if (text.size() > kMaxTextBytes) throw Failure(fmt::format("{} is larger than {} bytes", path, kMaxTextBytes));
  }
  // The C ABI ends texts at a NUL, so one in the middle would hide the rest.
  if (text.find('\0') != std::string::npos) throw Failure(path + " holds a NUL byte; it is no JSON text");
  return text;
}

namespace {

int create(const std::string &path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) fail(path, "create");
  if (fchmod(fd, 0600) != 0) fail(path, "set the mode of");
  return fd;
}

}  // namespace

void copy_vault(const std::string &from, const std::string &to) {
  const Descriptor vault(open_to_read(from));
  const Descriptor copy(create(to));
  std::array<char, 65536> piece{};
  while (const std::size_t count = read_some(vault.get(), piece.data(), piece.size(), from))
    write_all(copy.get(), piece.data(), count, to);
  if (fsync(copy.get()) != 0) fail(to, "sync");
}

void write_new_key(const std::string &path) {
  std::array<unsigned char, 32> key{};
  std::array<char, 64> digits{};
  if (getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) fail(path, "get random bytes for");
  for (std::size_t i = 0; i < key.size(); ++i) {
    digits[2 * i] = "0123456789abcdef"[key[i] >> 4];
    digits[2 * i + 1] = "0123456789abcdef"[key[i] & 15];
  }
  explicit_bzero(key.data(), key.size());
  const Descriptor file(create(path));
  write_all(file.get(), digits.data(), digits.size(), path);
  explicit_bzero(digits.data(), digits.size());
  if (fsync(file.get()) != 0) fail(path, "sync");
}

}  // namespace cordon::cli

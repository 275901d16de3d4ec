#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace cordon::cli {

/// Bytes of a secret: never copied, never reallocated, locked in memory where allowed, wiped at the end.
class SecretBytes {
 public:
  static constexpr std::size_t kMax = 64 * 1024;

  SecretBytes();
  ~SecretBytes();
  SecretBytes(const SecretBytes &) = delete;
  SecretBytes &operator=(const SecretBytes &) = delete;

  const char *data() const { return bytes_.data(); }
  std::size_t size() const { return size_; }

  /// Reads to the end; throws Failure beyond kMax. A single printable line loses its line end, so that a secret can be
  /// given by echo or an editor; anything else (PEM, PFX) stays as it is.
  void read_from(int fd, const std::string &name);
  /// Asks on the terminal, without echo; throws Failure when there is none or the user gives up.
  void ask(const std::string &prompt);

 private:
  void drop_line_end();
  void drop_last_character();  // UTF-8

  std::vector<char> bytes_;
  std::size_t size_ = 0;
};

/// From a file, from standard input when `path` is empty, or by asking when that is a terminal.
void read_secret(SecretBytes &secret, const std::string &path, const std::string &prompt);

/// Likewise, but a terminal is asked twice.
void read_new_passphrase(SecretBytes &passphrase, const std::string &path);
/// Asks twice on the terminal; throws Failure when the answers differ.
void ask_new_passphrase(SecretBytes &passphrase);
/// True when SecretBytes::ask can ask.
bool has_terminal();

/// A file's text, or standard input's for "-"; throws Failure.
std::string read_text(const std::string &path);

/// Makes a new file with a random vault key: 32 bytes as 64 hex digits, mode 0600. Never overwrites; throws Failure.
void write_new_key(const std::string &path);

/// Copies a vault's file to a new one of mode 0600, durably. Saves replace the file, so what is read is whole. Throws
/// Failure.
void copy_vault(const std::string &from, const std::string &to);

}  // namespace cordon::cli

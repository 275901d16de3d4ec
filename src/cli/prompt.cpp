#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/files.hpp"
#include "cli/report.hpp"

namespace cordon::cli {
namespace {

constexpr char kControlC = 3;
constexpr char kControlD = 4;
constexpr char kControlU = 21;
constexpr char kDelete = 127;

/// The terminal without echo and line editing. Signals from its keys are off too, so that nothing can end the program
/// while the terminal is in this state; Ctrl-C arrives as a character.
class QuietTerminal {
 public:
  QuietTerminal() : fd_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (fd_ < 0 || tcgetattr(fd_, &before_) != 0)
      throw Failure("there is no terminal to ask on; give the secret on standard input or with --from-file");
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG);
    tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  ~QuietTerminal() {
    tcsetattr(fd_, TCSAFLUSH, &before_);
    close(fd_);
  }
  QuietTerminal(const QuietTerminal &) = delete;
  QuietTerminal &operator=(const QuietTerminal &) = delete;

  void say(const std::string &text) { (void)!write(fd_, text.data(), text.size()); }
  /// False at the end of input.
  bool read(char &key) { return ::read(fd_, &key, 1) == 1; }

 private:
  int fd_;
  termios before_{};
};

}  // namespace

bool has_terminal() {
  const int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

void SecretBytes::drop_last_character() {
  const auto continues = [this] { return (static_cast<unsigned char>(bytes_[size_]) & 0xc0) == 0x80; };
  if (size_ == 0) return;
  do {
    --size_;
  } while (size_ > 0 && continues());
}

void SecretBytes::ask(const std::string &prompt) {
  QuietTerminal terminal;
  terminal.say(prompt);
  char key = 0;
  while (terminal.read(key) && key != '\n' && key != '\r' && key != kControlD) {
    if (key == kControlC) {
      terminal.say("\n");
      throw Failure("given up; nothing was stored");
    }
    if (key == kControlU)
      size_ = 0;
    else if (key == kDelete || key == '\b')
      drop_last_character();
    else if (size_ < kMax)
      bytes_[size_++] = key;
  }
  terminal.say("\n");
}

}  // namespace cordon::cli

#include "ledger/bell.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

#include "base/open_file.hpp"

namespace cordon::ledger {

Bell::Bell(const std::string &state_dir) {
  const StandardDescriptorsHeld held;
  fd_ = Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd_) return;
  const bool heard = ::inotify_add_watch(fd(), (state_dir + "/bell").c_str(), IN_MODIFY) >= 0 &&
                     ::inotify_add_watch(fd(), (state_dir + "/owners").c_str(), IN_CLOSE_WRITE | IN_DELETE) >= 0;
  if (!heard) fd_ = Descriptor();
}

void Bell::hush() const noexcept {
  alignas(inotify_event) std::array<char, 4096> events;
  while (::read(fd(), events.data(), events.size()) > 0) {
  }
}

}  // namespace cordon::ledger

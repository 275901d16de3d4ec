#pragma once

#include <sys/types.h>

#include <string>

namespace cordon {

/// Opens a file close-on-exec and above the standard descriptors; −1 with errno. One that it makes (O_CREAT) has
/// exactly this mode, whatever the process' umask.
int open_file(const std::string &path, int flags, mode_t mode = 0) noexcept;

/// Makes a directory of mode 0700, whatever the process' umask; false with errno.
bool make_private_directory(const std::string &path) noexcept;

/// The standard descriptors, 0 to 2, are the host's even while it has them closed: whoever writes to its "standard
/// error" then must not write into a file or a socket of ours. This occupies those that are closed, so that nothing
/// that is opened meanwhile gets one. What occupies them can be neither read nor written. [any-thread]
class StandardDescriptorsHeld {
 public:
  StandardDescriptorsHeld() noexcept;
  ~StandardDescriptorsHeld();
  StandardDescriptorsHeld(const StandardDescriptorsHeld &) = delete;
  StandardDescriptorsHeld &operator=(const StandardDescriptorsHeld &) = delete;

 private:
  bool counted_ = false;
};

}  // namespace cordon

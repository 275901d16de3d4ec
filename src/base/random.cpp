#include "base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace cordon {

void SystemRandom::fill(void *bytes, std::size_t size) {
  auto *next = static_cast<char *>(bytes);
  while (size > 0) {
    const ssize_t got = getrandom(next, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "getrandom");
    next += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace cordon

#include "base/random.hpp"

#include <sodium.h>

#include <stdexcept>

namespace cordon {

SystemRandom::SystemRandom() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium could not be initialised");
}

void SystemRandom::fill(void *bytes, std::size_t size) {
  randombytes_buf(bytes, size);
}

}  // namespace cordon

#include "emulator/seeded_random.hpp"

#include <algorithm>
#include <cstring>

#include "base/ids.hpp"

namespace cordon::emulator {

std::uint64_t SeededRandom::next() {
  state_ += 0x9e3779b97f4a7c15u;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void SeededRandom::fill(void *bytes, std::size_t size) {
  auto *out = static_cast<unsigned char *>(bytes);
  while (size > 0) {
    const std::uint64_t word = next();
    const std::size_t step = std::min(size, sizeof word);
    std::memcpy(out, &word, step);
    out += step;
    size -= step;
  }
}

bool SeededRandom::chance(double probability) {
  return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
}

std::chrono::nanoseconds SeededRandom::between(std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
  if (most <= least) return least;
  return least + std::chrono::nanoseconds(below(static_cast<std::uint64_t>((most - least).count()) + 1));
}

std::string SeededRandom::hex(std::size_t digits) {
  std::string out(digits, '0');
  for (char &c : out) c = "0123456789abcdef"[below(16)];
  return out;
}

std::string SeededRandom::uuid() {
  return make_request_id(*this).str();
}

}  // namespace cordon::emulator

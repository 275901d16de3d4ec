// A host that uses the same libsodium.
#include <sodium.h>

#include <cstdlib>
#include <cstring>

#include "guest/hosts/host.hpp"

namespace cordon::test {
namespace {

int g_asked = 0;

const char *name() {
  return "the host's, for repeatable tests";
}

std::uint32_t number() {
  return ++g_asked, 0x42424242;
}

void fill(void *out, std::size_t size) {
  ++g_asked;
  std::memset(out, 0x42, size);
}

randombytes_implementation repeating{name, number, nullptr, nullptr, fill, nullptr};

SCENARIO(sodium_initialised_before) {
  CHECK(sodium_init() == 0);
  void *own = sodium_malloc(100);
  const Library library(world.library);
  {
    const Client client(library, world);
    expect_acts(client, world.machines.at(0));
  }
  CHECK(sodium_init() == 1);
  sodium_free(own);
}

/// Ids, keys and nonces must not repeat because the host's own random bytes do.
SCENARIO(sodium_with_random_bytes_that_repeat) {
  CHECK(randombytes_set_implementation(&repeating) == 0);
  CHECK(sodium_init() == 0);
  const Library library(world.library);
  const Client one(library, world);
  const Client two(library, world);
  CHECK_SAID(one.opened().status == CORDON_OK, one.opened().text);
  CHECK_SAID(two.opened().status == CORDON_OK, two.opened().text);
  const Said first = one.act(world.machines.at(0));
  const Said second = two.act(world.machines.at(1));
  CHECK_SAID(first.status >= 0, first.text);
  CHECK_SAID(second.status >= 0, second.text);
  CHECK_SAID(first.text.find("42424242-4242") == std::string::npos, first.text);
  std::uint32_t mine = 0;
  randombytes_buf(&mine, sizeof mine);
  CHECK(mine == 0x42424242 && randombytes_implementation_name() == name());
}

}  // namespace
}  // namespace cordon::test

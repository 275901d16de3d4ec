#include "guest/guest_process.hpp"

namespace cordon::test {
namespace {

class Garbage : public GuestTest {
 protected:
  Garbage() { config["vault"] = emulator.ready()["config"]["vault"]; }
};

TEST_F(Garbage, InAnyArgumentIsRefusedByNameAndHarmsNothing) {
  expect_good("garbage_in_every_argument", {CORDON_SYMBOLS});
  expect_nothing_twice();
}

}  // namespace
}  // namespace cordon::test

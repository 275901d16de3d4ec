#include "guest/guest_process.hpp"

namespace cordon::test {
namespace {

class Limits : public GuestTest {};

TEST_F(Limits, TooFewDescriptorsAtInitAreNamedAndLeaveNothingBehind) {
  expect_good("no_descriptor_at_init");
}

TEST_F(Limits, TooFewDescriptorsAtWorkAreNamedAndPassWithoutAnythingTwice) {
  expect_good("no_descriptor_at_work");
  expect_nothing_twice();
}

TEST_F(Limits, LittleAddressSpaceIsAnErrorAndNoEnd) {
  expect_good("little_memory");
}

}  // namespace
}  // namespace cordon::test

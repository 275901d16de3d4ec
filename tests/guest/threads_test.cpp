#include "guest/guest_process.hpp"

namespace cordon::test {
namespace {

class HostThreads : public GuestTest {};

TEST_F(HostThreads, AStackOf64KiBIsEnoughForEveryFunction) {
  const Ended ended = run("small_stack");
  if (ended.exit_status == 77) GTEST_SKIP() << "a sanitizer's frames need larger stacks";
  EXPECT_EQ(ended.exit_status, 0) << "signal " << ended.signal << ": " << ended.said;
  std::cout << ended.said;
}

TEST_F(HostThreads, CancelledInACallTheyEndAfterItAndNothingIsHeld) {
  expect_good("cancelled_in_calls");
  expect_nothing_twice();
}

}  // namespace
}  // namespace cordon::test

#include "guest/guest_process.hpp"

namespace cordon::test {
namespace {

class Descriptors : public GuestTest {};

TEST_F(Descriptors, EverythingIsClosedOnExec) {
  expect_good("everything_is_closed_on_exec");
}

TEST_F(Descriptors, ProgramsStartedAllTheTimeInheritNothing) {
  expect_good("started_programs_inherit_nothing");
}

TEST_F(Descriptors, StandardOnesThatTheHostHasClosedStayClosed) {
  expect_good("standard_descriptors_closed", {"0"});
  expect_good("standard_descriptors_closed", {"2"});
  expect_good("standard_descriptors_closed", {"0", "1", "2"});
}

}  // namespace
}  // namespace cordon::test

#include <dlfcn.h>

#include <cstdlib>

#include "guest/guest_process.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

class Lifecycle : public GuestTest {};

/// CORDON_ROUNDS of them, or as many as are over in a moment.
TEST_F(Lifecycle, ComesAndGoesWithoutATrace) {
  const char *rounds = std::getenv("CORDON_ROUNDS");
  const Ended ended = run("rounds", {rounds != nullptr ? rounds : kSanitized ? "60" : "150"});
  EXPECT_EQ(ended.exit_status, 0) << ended.said;
  std::cout << ended.said;
}

TEST_F(Lifecycle, LoadedAndNeverUsedItDoesNothing) {
  expect_good("unused");
  expect_good("unused", {}, {"LD_BIND_NOW=1"});
}

TEST_F(Lifecycle, ExitDuringCallsEndsTheProcessCleanly) {
  for (const char *after_ms : {"0", "5", "30", "90", "200"}) expect_good("exit_during_calls", {after_ms});
}

TEST_F(Lifecycle, AStaticDestructorOfTheHostMayFreeTheClient) {
  expect_good("freed_by_a_static_destructor");
}

TEST_F(Lifecycle, AForkBeforeInitDuringACallAndAfterFree) {
  expect_good("fork_in_every_state");
  expect_nothing_twice();
}

TEST_F(Lifecycle, TwoCopiesDoNotShareALedger) {
  expect_good("two_copies");
}

TEST_F(Lifecycle, ClientsOfOneProcessDoNotDisturbEachOther) {
  expect_good("two_clients");
}

TEST_F(Lifecycle, HoweverItIsLoaded) {
  for (const int flags :
       {RTLD_NOW | RTLD_LOCAL, RTLD_LAZY | RTLD_LOCAL, RTLD_NOW | RTLD_GLOBAL, RTLD_LAZY | RTLD_GLOBAL})
    expect_good("load_flags", {std::to_string(flags)});
  if (!kSanitized) expect_good("load_flags", {std::to_string(RTLD_NOW | RTLD_DEEPBIND)});
  expect_good("load_flags", {std::to_string(RTLD_NOW)}, {"LD_BIND_NOW=1"});
}

}  // namespace
}  // namespace cordon::test

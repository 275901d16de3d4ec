#include <cstdlib>
#include <string>

#include "guest/guest_process.hpp"

namespace cordon::test {
namespace {

/// How many calls of an allocator fail: CORDON_ALLOCATIONS (0: each), or as many as are over in a moment.
std::string moments() {
  const char *wanted = std::getenv("CORDON_ALLOCATIONS");
  return wanted != nullptr ? wanted : "60";
}

/// Every failure has a machine of its own.
std::string machines() {
  const int failures = std::stoi(moments());
  return failures == 0 ? "100000" : std::to_string(failures + 40);
}

/// Fails a host's allocations by a preloaded object, which a sanitizer's own allocator does not go with.
class Memory : public GuestTest {
 protected:
  Memory() : GuestTest({"--speed", "600", "--machines", machines(), "--quota", "1000000/60s"}) {
    config["vault"] = emulator.ready()["config"]["vault"];
  }

  void expect_survived(const std::string &warmth, const std::string &failing) {
#ifdef GUEST_ALLOCATOR
    const Ended ended = run("memory_runs_out", {warmth, failing, "25", moments()}, {"LD_PRELOAD=" GUEST_ALLOCATOR});
    EXPECT_EQ(ended.exit_status, 0) << ended.said;
    std::cout << ended.said.substr(0, ended.said.find('\n')) << "\n";
    expect_nothing_twice();
#else
    GTEST_SKIP() << "a sanitizer's allocator can't be replaced, to fail " << failing << " calls in a " << warmth
                 << " process";
#endif
  }
};

TEST_F(Memory, EveryCallOfAnAllocatorMayFailOnce) {
  expect_survived("warm", "1");
}

TEST_F(Memory, EveryCallMayFailInTheFirstLifeToo) {
  expect_survived("cold", "1");
}

TEST_F(Memory, MayRunOutForAWhile) {
  expect_survived("warm", "50");
}

TEST_F(Memory, MayRunOutForGood) {
  expect_survived("warm", "0");
}

}  // namespace
}  // namespace cordon::test

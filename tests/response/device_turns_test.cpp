#include <gtest/gtest.h>

#include "response/submission.hpp"
#include "support/fake_clock.hpp"

namespace cordon::response {
namespace {

class Turns : public ::testing::Test {
 protected:
  ~Turns() override { scheduler.drop_tasks(); }

  loop::Task<void> take(std::string name, std::string device, loop::Scope &scope, loop::Event &done) {
    DeviceTurns::Turn turn(turns, device);
    Result<void> waited = co_await turn.wait(scope);
    log.push_back(name + (waited ? "" : " gave up"));
    if (waited) (void)co_await done.wait(life);
  }
  void come(const std::string &name, const std::string &device, loop::Scope &scope, loop::Event &done) {
    scheduler.spawn(take(name, device, scope, done));
  }

  test::FakeClock clock;
  loop::Scheduler scheduler{clock};
  DeviceTurns turns{scheduler};
  loop::Scope life{scheduler};
  std::vector<std::string> log;
};

TEST_F(Turns, OneDeviceIsServedInTheOrderOfArrivalAndOthersMeanwhile) {
  loop::Event first(scheduler);
  loop::Event second(scheduler);
  come("a1", "a", life, first);
  come("a2", "a", life, second);
  come("a3", "a", life, second);
  come("b1", "b", life, second);
  scheduler.run_due();
  EXPECT_EQ(log, std::vector<std::string>({"a1", "b1"}));
  first.notify_all();
  scheduler.run_due();
  EXPECT_EQ(log.back(), "a2");
  second.notify_all();
  scheduler.run_due();
  EXPECT_EQ(log.back(), "a3");
}

TEST_F(Turns, OneThatGivesUpInTheMiddleHoldsUpNobody) {
  loop::Event done(scheduler);
  loop::Scope impatient(scheduler);
  come("1", "a", life, done);
  come("2", "a", impatient, done);
  come("3", "a", life, done);
  impatient.cancel(Status::Interrupted);
  scheduler.run_due();
  EXPECT_EQ(log, std::vector<std::string>({"1", "2 gave up"}));
  done.notify_all();
  scheduler.run_due();
  EXPECT_EQ(log.back(), "3");
}

}  // namespace
}  // namespace cordon::response

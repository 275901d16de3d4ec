#include "loop/scheduler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loop/wait.hpp"
#include "support/fake_clock.hpp"

namespace cordon::loop {
namespace {

using std::chrono::seconds;
using test::FakeClock;

Task<long> twice(long value) {
  co_return 2 * value;
}

Task<void> add_up(int depth, long &out) {
  for (int i = 0; i < depth; ++i) out += co_await twice(i);
}

TEST(Task, LongChainsOfAwaitsNeedNoStack) {
  FakeClock clock;
  Scheduler scheduler(clock);
  long sum = 0;
  scheduler.spawn(add_up(200'000, sum));
  EXPECT_EQ(sum, 199'999L * 200'000L);
  EXPECT_EQ(scheduler.running(), 0u);
}

Task<void> sleeper(Scheduler &scheduler, BootTime when, std::vector<std::string> &log, std::string name,
                   std::optional<BootTime> deadline = {}) {
  Scope scope(scheduler, deadline);
  const Result<void> slept = co_await sleep_until(when, scope);
  log.push_back(name + (slept ? "" : ":" + std::string(status_name(slept.error().status))));
}

TEST(Scheduler, TimersFireInOrderOfTime) {
  FakeClock clock;
  Scheduler scheduler(clock);
  std::vector<std::string> log;
  scheduler.spawn(sleeper(scheduler, clock.now() + seconds(2), log, "late"));
  scheduler.spawn(sleeper(scheduler, clock.now() + seconds(1), log, "early"));
  EXPECT_EQ(scheduler.run_due(), clock.now() + seconds(1));
  clock.advance(seconds(5));
  EXPECT_EQ(scheduler.run_due(), std::nullopt);
  EXPECT_EQ(log, (std::vector<std::string>{"early", "late"}));
}

TEST(Scope, ADeadlineEndsTheWait) {
  FakeClock clock;
  Scheduler scheduler(clock);
  std::vector<std::string> log;
  scheduler.spawn(sleeper(scheduler, clock.now() + seconds(10), log, "a", clock.now() + seconds(1)));
  clock.advance(seconds(1));
  scheduler.run_due();
  EXPECT_EQ(log, std::vector<std::string>{"a:CORDON_E_DEADLINE"});
}

Task<void> wait_in(Event &event, Scope &scope, std::vector<std::string> &log) {
  const Result<void> waited = co_await event.wait(scope);
  log.push_back(waited ? "notified" : status_name(waited.error().status));
}

TEST(Scope, CancellingTheParentWakesWhoWaitsInTheChild) {
  FakeClock clock;
  Scheduler scheduler(clock);
  Scope parent(scheduler);
  Scope child(scheduler, {}, &parent);
  Event event(scheduler);
  std::vector<std::string> log;
  scheduler.spawn(wait_in(event, child, log));
  parent.cancel(Status::Interrupted);
  parent.cancel(Status::ShuttingDown);
  scheduler.run_due();
  EXPECT_EQ(log, std::vector<std::string>{"CORDON_E_INTERRUPTED"});
}

TEST(Event, NotifyWakesEveryWaiterOnce) {
  FakeClock clock;
  Scheduler scheduler(clock);
  Scope scope(scheduler);
  Event event(scheduler);
  std::vector<std::string> log;
  scheduler.spawn(wait_in(event, scope, log));
  scheduler.spawn(wait_in(event, scope, log));
  event.notify_all();
  event.notify_all();
  scheduler.run_due();
  EXPECT_EQ(log, (std::vector<std::string>{"notified", "notified"}));
}

Task<void> take(OneShot<int> shot, int &out) {
  out = co_await shot.take();
}

TEST(OneShot, TheValueReachesTheTakerWhicheverComesFirst) {
  FakeClock clock;
  Scheduler scheduler(clock);
  int early = 0, late = 0;
  const OneShot<int> first(scheduler), second(scheduler);
  first.set(1);
  scheduler.spawn(take(first, early));
  scheduler.spawn(take(second, late));
  second.set(2);
  scheduler.run_due();
  EXPECT_EQ(early, 1);
  EXPECT_EQ(late, 2);
}

TEST(Scheduler, DestructionDropsSuspendedFramesAndForgetsTheirWaiters) {
  FakeClock clock;
  {
    Scheduler scheduler(clock);
    std::vector<std::string> log;
    const OneShot<int> never(scheduler);
    int out = 0;
    scheduler.spawn(take(never, out));
    scheduler.spawn(sleeper(scheduler, clock.now() + seconds(10), log, "never"));
    EXPECT_EQ(scheduler.running(), 2u);
  }
}

Task<void> thrower() {
  throw std::logic_error("broken promise");
  co_return;
}

TEST(Scheduler, AnExceptionOfASpawnedTaskReachesTheHandler) {
  FakeClock clock;
  Scheduler scheduler(clock);
  int caught = 0;
  scheduler.set_on_exception([&](const std::exception_ptr &) { ++caught; });
  scheduler.spawn(thrower());
  EXPECT_EQ(caught, 1);
  EXPECT_EQ(scheduler.running(), 0u);
}

TEST(Scheduler, APreparedJobWaitsOnceAndMayBePostedAgainWhenItRuns) {
  FakeClock clock;
  Scheduler scheduler(clock);
  int wakes = 0;
  scheduler.set_wake([&] { ++wakes; });
  std::vector<std::string> log;
  std::shared_ptr<Prepared> again;
  again = prepare([&] {
    log.push_back("again");
    if (log.size() < 3) scheduler.post(again);
  });
  const auto other = prepare([&] { log.push_back("other"); });
  scheduler.post(again);
  scheduler.post(other);
  scheduler.post(again);
  scheduler.post(other);
  EXPECT_EQ(wakes, 1);
  EXPECT_TRUE(scheduler.run_due());
  EXPECT_EQ(log, (std::vector<std::string>{"again", "other"}));
  EXPECT_FALSE(scheduler.run_due());
  EXPECT_EQ(log.back(), "again");
  again.reset();
}

TEST(Scheduler, AJobThatThrowsTakesNoOtherWithIt) {
  FakeClock clock;
  Scheduler scheduler(clock);
  bool ran = false;
  scheduler.post([] { throw std::logic_error("broken promise"); });
  scheduler.post([&] { ran = true; });
  EXPECT_THROW(scheduler.run_due(), std::logic_error);
  scheduler.run_due();
  EXPECT_TRUE(ran);
}

TEST(Scheduler, WhatWasPostedGoesWithTheScheduler) {
  FakeClock clock;
  const auto kept = std::make_shared<int>(1);
  {
    Scheduler scheduler(clock);
    for (int i = 0; i < 100'000; ++i) scheduler.post([kept] {});
  }
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(Scheduler, PostFromManyThreadsRunsEveryJobAndWakesTheLoop) {
  FakeClock clock;
  Scheduler scheduler(clock);
  std::atomic<int> wakes = 0;
  scheduler.set_wake([&] { ++wakes; });
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) scheduler.post([&] { ++ran; });
    });
  for (auto &thread : threads) thread.join();
  while (scheduler.run_due()) {
  }
  EXPECT_EQ(ran, 8000);
  EXPECT_GE(wakes, 1);
}

}  // namespace
}  // namespace cordon::loop

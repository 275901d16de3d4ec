#include "response/sharing.hpp"

#include <poll.h>

#include "ledger/bell.hpp"
#include "response_fixture.hpp"

namespace cordon::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Several processes on one ledger and one service, each with its own loop, on one virtual clock.
class Sharing : public ResponseTest {
 protected:
  Sharing() : bell_(directory.state_dir()) {
    process.reset();
    service_ = std::make_shared<FakeService>(clock);
    start(0);
    start(1);
  }
  void start(std::size_t which) {
    crash(which);
    processes_[which] = std::make_unique<Process>(directory.state_dir(), clock, random, windows, service_);
    processes_[which]->scheduler.spawn(recover_for(*processes_[which]->responder));
    run_all(seconds(0));
  }
  /// Nothing is told to anybody; the callers get no answer.
  void crash(std::size_t which) { processes_[which].reset(); }
  Process &at(std::size_t which) { return *processes_[which]; }

  Caller &act_at(std::size_t which, const std::string &device, nanoseconds patience = seconds(60),
                 const char *operation = "restrict_code_execution") {
    auto c = std::make_unique<Caller>(at(which).scheduler, clock.now() + patience);
    at(which).scheduler.spawn(act_for(*at(which).responder, intent_at(which, device, operation), *c));
    return *callers_.emplace_back(std::move(c));
  }
  Caller &submit_at(std::size_t which, const std::string &device) {
    auto c = std::make_unique<Caller>(at(which).scheduler, std::nullopt);
    at(which).scheduler.spawn(
        submit_for(*at(which).responder, intent_at(which, device, "restrict_code_execution"), *c));
    Caller &caller = *callers_.emplace_back(std::move(c));
    run_all(seconds(0));
    return caller;
  }
  Caller &poll_at(std::size_t which, const std::string &id, nanoseconds patience) {
    auto c = std::make_unique<Caller>(at(which).scheduler, clock.now() + patience);
    at(which).scheduler.spawn(poll_for(*at(which).responder, id, at(which).tenant, patience == nanoseconds(0), *c));
    return *callers_.emplace_back(std::move(c));
  }
  std::string state_at(std::size_t which, const std::string &id) {
    Caller &c = poll_at(which, id, nanoseconds(0));
    run_all(nanoseconds(0));
    return c.state();
  }
  Result<void> withdraw_at(std::size_t which, const std::string &id) {
    Caller c(at(which).scheduler, std::nullopt);
    std::optional<Result<void>> done;
    at(which).scheduler.spawn(withdraw_for(*at(which).responder, RequestId::trusted(id), c, done));
    run_all(nanoseconds(0));
    return done.value_or(fail(Status::Internal, "withdraw hangs"));
  }

  void run_all(nanoseconds time) {
    const BootTime end = clock.now() + time;
    for (;;) {
      BootTime next = end + nanoseconds(1);
      for (const auto &one : processes_)
        if (one)
          if (const auto due = one->scheduler.run_due()) next = std::min(next, *due);
      if (heard()) {
        for (const auto &one : processes_)
          if (one) one->responder->look_at_others();
        continue;
      }
      if (next > end) break;
      if (next > clock.now()) clock.advance(next - clock.now());
    }
    if (clock.now() < end) clock.advance(end - clock.now());
  }

  FakeService &shared() { return *service_; }
  response::Intent intent_at(std::size_t which, const std::string &device, const char *operation) {
    const defender::Operation &known = *defender::Catalogue::instance().find(operation);
    auto made = response::Intent::make(known, known.check({{"machine_id", device}, {"comment", "test"}}).value(),
                                       at(which).tenant);
    return std::move(made.value());
  }

 private:
  bool heard() const {
    pollfd ear{bell_.fd(), POLLIN, 0};
    if (::poll(&ear, 1, 0) != 1) return false;
    bell_.hush();
    return true;
  }

  ledger::Bell bell_;
  std::shared_ptr<FakeService> service_;
  std::array<std::unique_ptr<Process>, 2> processes_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

TEST_F(Sharing, ACallJoinsWhatAnotherProcessIsSendingAndLearnsItsEnd) {
  PostStep slow;
  slow.answering = seconds(5);
  shared().script.push_back(slow);
  Caller &first = act_at(0, machine());
  run_all(seconds(1));
  Caller &second = act_at(1, machine());
  run_all(seconds(6));
  EXPECT_EQ(shared().posts.size(), 1u);
  EXPECT_EQ(first.status(), "CORDON_PENDING");
  EXPECT_EQ(second.status(), "CORDON_PENDING");
  EXPECT_EQ(second.request_id(), first.request_id());
}

/// One slot a minute, and a caller with two requests ahead of his.
class JoinedFromElsewhere : public Sharing {
 protected:
  JoinedFromElsewhere() {
    windows = {{1, seconds(60)}};
    start(0);
    start(1);
    submit_at(0, machine('b'));
    submit_at(0, machine('c'));
    first = &act_at(0, machine(), seconds(65));
    run_all(seconds(1));
    EXPECT_EQ(first->status(), "waiting");
  }
  void expect_sent_for(const Caller &joined) {
    EXPECT_EQ(first->status(), "CORDON_E_OUTCOME_UNKNOWN") << "somebody else still wants it";
    EXPECT_EQ(joined.request_id(), first->request_id());
    run_all(minutes(4));
    EXPECT_EQ(state_at(1, joined.request_id()), "pending");
    EXPECT_EQ(shared().posts.size(), 3u);
  }

  Caller *first = nullptr;
};

TEST_F(JoinedFromElsewhere, ARequestOutlivesTheCallerThatItWasMadeFor) {
  const Caller &joined = submit_at(1, machine());
  run_all(seconds(66));
  expect_sent_for(joined);
}

TEST_F(JoinedFromElsewhere, ARequestOutlivesACallerThatHasHeardOfNobodyElse) {
  Caller joined(at(1).scheduler, std::nullopt);
  at(1).scheduler.spawn(submit_for(*at(1).responder, intent_at(1, machine(), "restrict_code_execution"), joined));
  at(1).scheduler.run_due();  // the other one has not heard its bell when its caller gives up
  first->scope.cancel(Status::Interrupted);
  at(0).scheduler.run_due();
  run_all(seconds(0));
  expect_sent_for(joined);
}

TEST_F(Sharing, AHaltOfAnotherProcessCallsBackWhatIsStillConnecting) {
  PostStep slow;
  slow.connecting = seconds(5);
  shared().script.push_back(slow);
  const std::string id = submit_at(0, machine()).request_id();
  run_all(seconds(1));
  EXPECT_EQ(state_at(0, id), "sending");
  response::Halt halt;
  halt.scope = response::kHaltOfAll;
  halt.reason = "exercise";
  halt.since = clock.utc();
  ASSERT_TRUE(at(1).ledger->run_blocking(ledger::Durability::Full,
                                         [&](ledger::Tx &tx) { return response::put_halt(tx, halt); }));
  run_all(seconds(30));
  EXPECT_EQ(state_at(0, id), "queued");
  EXPECT_EQ(shared().posts.size(), 0u);
}

TEST(TakenOver, AfterARebootWithTheTimeOfDaySetBackNothingLastsLongerThanItWasMeantTo) {
  FakeClock clock;
  ledger::RequestRow row;
  row.boot_id = clock.boot_id();
  row.created = clock.utc();
  row.expires = row.created + minutes(15);
  clock.reboot("boot-2");
  clock.set_utc(row.created - std::chrono::hours(24));
  EXPECT_EQ(response::taken_over(row, "me", clock).deadline, clock.now() + minutes(15));
  clock.set_utc(row.created + minutes(10));
  EXPECT_EQ(response::taken_over(row, "me", clock).deadline, clock.now() + minutes(5));
  row.expires = row.expires + std::chrono::hours(1);  // joined when the time of day had been set forward
  row.progress["valid_ms"] = std::chrono::milliseconds(minutes(20)).count();
  EXPECT_EQ(response::taken_over(row, "me", clock).deadline, clock.now() + minutes(20));
  clock.set_utc(row.created + std::chrono::hours(24));
  EXPECT_LT(response::taken_over(row, "me", clock).deadline, clock.now());
}

TEST_F(Sharing, TheEndOfAnActionIsToldToEveryProcessByTheOneThatAsks) {
  Caller &first = act_at(0, machine());
  run_all(seconds(1));
  Caller &second = poll_at(1, first.request_id(), minutes(5));
  run_all(minutes(1));
  const int reads = shared().reads;
  EXPECT_LE(reads, 5) << "one of them asks, every interval";
  shared().finish_all("Succeeded");
  run_all(seconds(20));
  EXPECT_EQ(second.status(), "CORDON_OK");
}

TEST_F(Sharing, AnotherProcessGoesOnWithTheRequestsOfADeadOne) {
  PostStep slow;
  slow.connecting = seconds(20);
  shared().script.push_back(slow);
  const std::string id = submit_at(0, machine()).request_id();
  run_all(seconds(1));
  crash(0);
  run_all(minutes(1));
  Caller &known = poll_at(1, id, nanoseconds(0));
  run_all(nanoseconds(0));
  EXPECT_EQ(known.status(), "CORDON_E_OUTCOME_UNKNOWN") << "it may have left; the service was never seen to show marks";
  EXPECT_EQ(shared().posts.size(), 0u);
}

TEST_F(Sharing, WhatADeadProcessHadSentIsFoundAndFollowed) {
  PostStep slow;
  slow.answering = seconds(20);
  shared().script.push_back(slow);
  const std::string id = submit_at(0, machine()).request_id();
  run_all(seconds(1));
  crash(0);
  run_all(minutes(1));
  EXPECT_EQ(state_at(1, id), "pending");
  EXPECT_EQ(shared().posts.size(), 1u);
}

TEST_F(Sharing, WhatADeadProcessHadMarkedAndNotSentIsSentOnceAfterTwoLooks) {
  act_at(1, machine('b'));
  run_all(seconds(1));
  PostStep lost;
  lost.connecting = minutes(5);
  shared().script.push_back(lost);
  const std::string id = submit_at(0, machine()).request_id();
  run_all(seconds(1));
  crash(0);
  run_all(minutes(2));
  EXPECT_EQ(state_at(1, id), "pending");
  EXPECT_EQ(shared().posts.size(), 2u);
}

TEST_F(Sharing, ARequestThatWaitsInAnotherProcessCanBeWithdrawn) {
  windows = {{1, minutes(10)}};
  start(0);
  start(1);
  act_at(1, machine('b'));
  run_all(seconds(1));
  const std::string id = submit_at(0, machine()).request_id();
  ASSERT_TRUE(withdraw_at(1, id));
  run_all(minutes(14));
  EXPECT_EQ(state_at(0, id), "withdrawn");
  EXPECT_EQ(shared().posts.size(), 1u);
}

TEST_F(Sharing, TheQuotaIsOneForAllProcesses) {
  windows = {{3, seconds(60)}};
  start(0);
  start(1);
  for (int i = 0; i < 4; ++i) {
    submit_at(0, std::string(40, static_cast<char>('0' + i)));
    submit_at(1, std::string(40, static_cast<char>('4' + i)));
  }
  run_all(seconds(59));
  EXPECT_EQ(shared().posts.size(), 3u);
  run_all(minutes(3));
  EXPECT_EQ(shared().posts.size(), 8u);
}

TEST_F(Sharing, AStoppedProcessKeepsItsRequestsAndOthersMayOnlyLook) {
  PostStep slow;
  slow.answering = minutes(30);
  shared().script.push_back(slow);
  const std::string id = submit_at(0, machine()).request_id();
  run_all(seconds(1));
  // It says nothing any more, but lives: only the other one runs.
  const auto run_other = [this](nanoseconds time) {
    const BootTime end = clock.now() + time;
    while (const auto next = at(1).scheduler.run_due()) {
      if (*next > end) break;
      if (*next > clock.now()) clock.advance(*next - clock.now());
    }
  };
  run_other(minutes(3));
  Caller &c = poll_at(1, id, minutes(1));
  run_other(seconds(59));
  EXPECT_EQ(c.status(), "waiting");
  EXPECT_EQ(shared().posts.size(), 1u);
  Caller &known = poll_at(1, id, nanoseconds(0));
  run_other(seconds(0));
  EXPECT_EQ(known.state(), "pending") << "it was found, and is followed";
}

}  // namespace
}  // namespace cordon::test

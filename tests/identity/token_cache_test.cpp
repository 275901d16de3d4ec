#include "identity/token_cache.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <vector>

#include "loop/wait.hpp"
#include "support/fake_clock.hpp"

namespace cordon::identity {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// What happened in the source, and what it does next; outlives the cache that owns the source.
struct Script {
  int fetches = 0;
  nanoseconds delay = milliseconds(200);
  std::deque<Error> failures;  ///< served first
  std::string fingerprint = "fp-1";
  std::int64_t life_s = 3600;
};

class ScriptedSource final : public TokenSource {
 public:
  explicit ScriptedSource(Script &script) : script_(script) {}

  loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) override {
    const int number = ++script_.fetches;
    const BootTime asked = scope.scheduler().now();
    if (script_.delay > nanoseconds(0)) {
      const BootTime when = asked + script_.delay;
      auto slept = co_await loop::sleep_until(when, scope);
      if (!slept) co_return fail(slept.error());
    }
    if (!script_.failures.empty()) {
      Error error = script_.failures.front();
      script_.failures.pop_front();
      co_return fail(std::move(error));
    }
    co_return make_token(Secret("token-" + std::to_string(number)), script_.life_s, asked,
                         scope.scheduler().clock().utc());
  }
  std::string fingerprint() const override { return script_.fingerprint; }

 private:
  Script &script_;
};

/// Stands for the ledger that several processes share: `claims` says what the others are doing.
class MemoryStore final : public TokenStore {
 public:
  loop::Task<SharedToken> load(std::string fingerprint) override { co_return kept[fingerprint]; }
  loop::Task<Claim> claim(std::string) override {
    ++asked;
    if (claims.empty()) co_return Claim();
    Claim claim = claims.front();
    claims.pop_front();
    co_return claim;
  }
  void finish(const std::string &fingerprint, const Result<SharedToken> &got, BootTime not_before) override {
    ++finished;
    refused_until = got ? BootTime() : not_before;
    if (got) kept[fingerprint] = *got;
  }
  std::map<std::string, SharedToken> kept;
  std::deque<Claim> claims;  ///< Mine when there are no more
  int asked = 0, finished = 0;
  BootTime refused_until;
};

Claim busy() {
  Claim claim;
  claim.state = Claim::State::Others;
  return claim;
}

Error refused() {
  Error error(Status::Unauthenticated, "wrong secret");
  error.http_status = 401;
  return error;
}

Error throttled(std::int64_t retry_after_ms) {
  Error error = Error(Status::RateLimited, "too many").retry();
  error.http_status = 429;
  error.retry_after_ms = retry_after_ms;
  return error;
}

/// One caller of get().
struct Caller {
  Caller(loop::Scheduler &scheduler, std::optional<BootTime> deadline) : scope(scheduler, deadline) {}
  loop::Scope scope;
  std::optional<Result<SharedToken>> got;

  std::string text() const {
    if (!got) return "waiting";
    return *got ? std::string((**got)->value.reveal()) : status_name(got->error().status);
  }
};

loop::Task<void> call(TokenCache &cache, Caller &caller) {
  caller.got = co_await cache.get(caller.scope);
}

class Cache : public testing::Test {
 protected:
  Cache() { cache.emplace(scheduler, std::make_unique<ScriptedSource>(script)); }

  Caller &start(std::optional<nanoseconds> patience = {}) {
    auto deadline = patience ? std::optional(clock.now() + *patience) : std::nullopt;
    Caller &caller = *callers.emplace_back(std::make_unique<Caller>(scheduler, deadline));
    scheduler.spawn(call(*cache, caller));
    scheduler.run_due();
    return caller;
  }
  /// Lets virtual time pass, timer by timer.
  void run_for(nanoseconds time) {
    const BootTime end = clock.now() + time;
    while (const auto next = scheduler.run_due()) {
      if (*next > end) break;
      if (*next > clock.now()) clock.advance(*next - clock.now());
    }
    if (clock.now() < end) clock.advance(end - clock.now());
    scheduler.run_due();
  }

  test::FakeClock clock;
  loop::Scheduler scheduler{clock};
  Script script;
  std::optional<TokenCache> cache;
  std::vector<std::unique_ptr<Caller>> callers;
};

TEST_F(Cache, ManyCallersShareOneFetch) {
  for (int i = 0; i < 50; ++i) start();
  EXPECT_EQ(cache->fresh(), nullptr);
  run_for(seconds(1));
  for (const auto &caller : callers) EXPECT_EQ(caller->text(), "token-1");
  EXPECT_EQ(script.fetches, 1);
  EXPECT_EQ(start().text(), "token-1") << "served without waiting";
  EXPECT_EQ(script.fetches, 1);
  EXPECT_NE(cache->fresh(), nullptr);
}

TEST_F(Cache, ASourceThatAnswersAtOnceServesAtOnce) {
  script.delay = nanoseconds(0);
  EXPECT_EQ(start().text(), "token-1");
}

TEST_F(Cache, IsRefreshedInTheBackgroundWhileTheOldTokenServes) {
  start();
  run_for(seconds(1));
  run_for(minutes(56));
  Caller &caller = start();
  EXPECT_EQ(caller.text(), "token-1") << "nobody waits for a refresh";
  EXPECT_EQ(script.fetches, 2);
  start();
  EXPECT_EQ(script.fetches, 2) << "one refresh at a time";
  run_for(seconds(1));
  EXPECT_EQ(start().text(), "token-2");
}

TEST_F(Cache, AFailedRefreshLeavesTheOldTokenInUse) {
  start();
  run_for(seconds(1));
  run_for(minutes(56));
  script.failures = {throttled(30'000), refused()};
  EXPECT_EQ(start().text(), "token-1");
  run_for(seconds(1));
  EXPECT_EQ(start().text(), "token-1");
  EXPECT_EQ(script.fetches, 2) << "not before Retry-After";
  run_for(seconds(31));
  EXPECT_EQ(start().text(), "token-1");
  run_for(seconds(1));
  EXPECT_EQ(script.fetches, 3);
  EXPECT_EQ(start().text(), "token-1");
  EXPECT_EQ(script.fetches, 3) << "a refusal is remembered";
  ASSERT_TRUE(cache->last_error());
  EXPECT_EQ(cache->last_error()->status, Status::Unauthenticated);
}

TEST_F(Cache, AnExpiredTokenIsNotHandedOut) {
  start();
  run_for(hours(1));
  EXPECT_EQ(cache->fresh(), nullptr);
  Caller &caller = start();
  EXPECT_EQ(caller.text(), "waiting");
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "token-2");
}

TEST_F(Cache, ACallerThatLeavesTakesNothingFromTheOthers) {
  Caller &impatient = start(milliseconds(50));
  Caller &withdrawn = start();
  Caller &patient = start();
  withdrawn.scope.cancel(Status::Interrupted);
  run_for(seconds(1));
  EXPECT_EQ(impatient.text(), "CORDON_E_DEADLINE");
  EXPECT_EQ(withdrawn.text(), "CORDON_E_INTERRUPTED");
  EXPECT_EQ(patient.text(), "token-1");
  EXPECT_EQ(script.fetches, 1);
}

TEST_F(Cache, ACancelledScopeFetchesNothing) {
  Caller &caller = *callers.emplace_back(std::make_unique<Caller>(scheduler, std::nullopt));
  caller.scope.cancel(Status::ShuttingDown);
  scheduler.spawn(call(*cache, caller));
  EXPECT_EQ(caller.text(), "CORDON_E_SHUTTING_DOWN");
  EXPECT_EQ(script.fetches, 0);
}

TEST_F(Cache, ALastingFailureIsRememberedForAMinutePerCredential) {
  script.failures = {refused(), refused()};
  Caller &first = start();
  run_for(seconds(1));
  EXPECT_EQ(first.text(), "CORDON_E_UNAUTHENTICATED");
  EXPECT_EQ(start().text(), "CORDON_E_UNAUTHENTICATED") << "at once";
  EXPECT_EQ(script.fetches, 1);

  script.fingerprint = "fp-2";
  Caller &changed = start();
  run_for(seconds(1));
  EXPECT_EQ(script.fetches, 2) << "another credential is tried at once";
  EXPECT_EQ(changed.text(), "CORDON_E_UNAUTHENTICATED");

  run_for(seconds(61));
  Caller &later = start();
  run_for(seconds(1));
  EXPECT_EQ(later.text(), "token-3");
  EXPECT_FALSE(cache->last_error());
}

TEST_F(Cache, ALockedVaultIsNotRemembered) {
  script.failures = {Error(Status::VaultLocked, "locked")};
  Caller &first = start();
  run_for(seconds(1));
  EXPECT_EQ(first.text(), "CORDON_E_VAULT_LOCKED");
  Caller &second = start();
  run_for(seconds(1));
  EXPECT_EQ(second.text(), "token-2");
}

TEST_F(Cache, APassingFailureIsTriedAgainWhileSomebodyWaits) {
  script.failures = {throttled(7'000), Error(Status::Network, "reset").retry()};
  Caller &caller = start(minutes(1));
  run_for(seconds(6));
  EXPECT_EQ(script.fetches, 1);
  run_for(seconds(20));
  EXPECT_EQ(caller.text(), "token-3");
}

TEST_F(Cache, ACallerWhoseDeadlineIsTooEarlyIsToldAtOnce) {
  script.failures = {throttled(30'000)};
  Caller &hasty = start(seconds(10));
  Caller &patient = start(minutes(2));
  run_for(seconds(1));
  EXPECT_EQ(hasty.text(), "CORDON_E_RATE_LIMITED") << "not at its deadline: it would wait in vain";
  EXPECT_EQ(patient.text(), "waiting");
  ASSERT_TRUE(hasty.got && !*hasty.got);
  EXPECT_NEAR(static_cast<double>(hasty.got->error().retry_after_ms), 30'000, 1);
  Caller &late = start(seconds(5));
  EXPECT_EQ(late.text(), "CORDON_E_RATE_LIMITED");
  EXPECT_EQ(script.fetches, 1);
  run_for(minutes(1));
  EXPECT_EQ(patient.text(), "token-2");
}

TEST_F(Cache, WithoutAnybodyWaitingItIsNotTriedAgain) {
  for (int i = 0; i < 10; ++i) script.failures.push_back(throttled(2'000));
  start(milliseconds(2'500));
  run_for(minutes(10));
  EXPECT_LE(script.fetches, 2);
  EXPECT_EQ(scheduler.running(), 0u);
}

TEST_F(Cache, ARejectedTokenIsDroppedOnce) {
  Caller &first = start();
  run_for(seconds(1));
  const SharedToken old = first.got->value();
  cache->reject(old);
  EXPECT_EQ(cache->fresh(), nullptr);
  Caller &second = start();
  run_for(seconds(1));
  EXPECT_EQ(second.text(), "token-2");
  cache->reject(old);
  EXPECT_NE(cache->fresh(), nullptr) << "a late rejection of the old one does not drop the new one";
  cache->reject(nullptr);
}

TEST_F(Cache, ItsEndWakesWhoeverWaits) {
  Caller &caller = start();
  cache.reset();
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "CORDON_E_SHUTTING_DOWN");
  EXPECT_EQ(scheduler.running(), 0u);
}

TEST_F(Cache, ItsEndWakesWhoeverWaitsForTheNextAttempt) {
  script.failures = {throttled(30'000)};
  Caller &caller = start();
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "waiting");
  cache.reset();
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "CORDON_E_SHUTTING_DOWN");
}

TEST(CacheAndScheduler, AFetchUnderWayEndsWithTheScheduler) {
  test::FakeClock clock;
  Script script;
  std::optional<loop::Scheduler> scheduler(std::in_place, clock);
  std::optional<TokenCache> cache(std::in_place, *scheduler, std::make_unique<ScriptedSource>(script));
  auto caller = std::make_unique<Caller>(*scheduler, std::nullopt);
  scheduler->spawn(call(*cache, *caller));
  scheduler->run_due();
  EXPECT_EQ(caller->text(), "waiting");
  cache.reset();
  EXPECT_EQ(scheduler->running(), 2u) << "nothing has run since";
  caller.reset();
  scheduler.reset();
}

TEST_F(Cache, AStoredTokenSavesTheFetchUntilItIsRejected) {
  MemoryStore store;
  store.kept["fp-1"] = make_token(Secret("kept"), 3600, clock.now(), clock.utc());
  cache.emplace(scheduler, std::make_unique<ScriptedSource>(script), &store);
  Caller &first = start();
  EXPECT_EQ(first.text(), "kept");
  EXPECT_EQ(script.fetches, 0);
  cache->reject(first.got->value());
  Caller &second = start();
  run_for(seconds(1));
  EXPECT_EQ(second.text(), "token-1");
  EXPECT_EQ(store.kept["fp-1"]->value.reveal(), "token-1");
  EXPECT_EQ(store.finished, store.asked) << "every claim ends";
}

TEST_F(Cache, WhileAnotherProcessAsksThisOneWaitsForItsToken) {
  MemoryStore store;
  store.claims.assign(20, busy());
  cache.emplace(scheduler, std::make_unique<ScriptedSource>(script), &store);
  Caller &caller = start(minutes(1));
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "waiting");
  store.kept["fp-1"] = make_token(Secret("theirs"), 3600, clock.now(), clock.utc());
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "theirs");
  EXPECT_EQ(script.fetches, 0);
  EXPECT_EQ(store.finished, 0) << "it was not ours to end";
}

TEST_F(Cache, AProcessThatDiesWhileItAsksIsFollowed) {
  MemoryStore store;
  store.claims.assign(5, busy());
  cache.emplace(scheduler, std::make_unique<ScriptedSource>(script), &store);
  Caller &caller = start(minutes(1));
  run_for(seconds(2));
  EXPECT_EQ(caller.text(), "token-1");
  EXPECT_EQ(store.finished, 1);
}

TEST_F(Cache, AnothersRefusalCountsAsOurs) {
  MemoryStore store;
  Claim claim;
  claim.state = Claim::State::Refused;
  claim.error = refused();
  claim.not_before = clock.now() + seconds(40);
  store.claims = {claim};
  cache.emplace(scheduler, std::make_unique<ScriptedSource>(script), &store);
  EXPECT_EQ(start().text(), "CORDON_E_UNAUTHENTICATED");
  EXPECT_EQ(start().text(), "CORDON_E_UNAUTHENTICATED");
  EXPECT_EQ(script.fetches, 0);
  EXPECT_EQ(store.asked, 1) << "remembered";
  run_for(seconds(41));
  Caller &later = start();
  run_for(seconds(1));
  EXPECT_EQ(later.text(), "token-1");
}

TEST_F(Cache, AnothersThrottlingHoldsUsBackToo) {
  MemoryStore store;
  Claim claim;
  claim.state = Claim::State::Refused;
  claim.error = throttled(-1);
  claim.not_before = clock.now() + seconds(30);
  store.claims = {claim};
  cache.emplace(scheduler, std::make_unique<ScriptedSource>(script), &store);
  Caller &caller = start(minutes(2));
  Caller &hasty = start(seconds(10));
  run_for(seconds(29));
  EXPECT_EQ(hasty.text(), "CORDON_E_RATE_LIMITED");
  EXPECT_EQ(caller.text(), "waiting");
  EXPECT_EQ(script.fetches, 0);
  run_for(seconds(5));
  EXPECT_EQ(caller.text(), "token-1");
}

TEST_F(Cache, ARefusalIsLeftForTheOthersToKnow) {
  MemoryStore store;
  script.failures = {refused()};
  cache.emplace(scheduler, std::make_unique<ScriptedSource>(script), &store);
  start();
  run_for(seconds(1));
  EXPECT_EQ(store.finished, 1);
  EXPECT_GT(store.refused_until, clock.now() + seconds(50));
}

TEST_F(Cache, ARejectedTokenIsNotTakenBackFromTheStore) {
  MemoryStore store;
  store.kept["fp-1"] = make_token(Secret("kept"), 3600, clock.now(), clock.utc());
  cache.emplace(scheduler, std::make_unique<ScriptedSource>(script), &store);
  Caller &first = start();
  cache->reject(first.got->value());
  store.kept["fp-1"] = make_token(Secret("kept"), 3600, clock.now(), clock.utc());  // as the ledger would give it
  Caller &second = start();
  run_for(seconds(1));
  EXPECT_EQ(second.text(), "token-1");
  cache->reject(second.got->value());
  store.kept["fp-1"] = make_token(Secret("newer"), 3600, clock.now(), clock.utc());
  Caller &third = start();
  run_for(seconds(1));
  EXPECT_EQ(third.text(), "newer") << "another process has refreshed it: one request for all";
  EXPECT_EQ(script.fetches, 1);
}

TEST_F(Cache, ATokenOfASignInEndsWaitingAndForgetsTheFailure) {
  script.failures = {throttled(50'000)};
  Caller &caller = start(minutes(5));
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "waiting");
  cache->accept(make_token(Secret("by hand"), 3600, clock.now(), clock.utc()));
  run_for(seconds(1));
  EXPECT_EQ(caller.text(), "by hand");
  EXPECT_FALSE(cache->last_error());
  EXPECT_EQ(start().text(), "by hand");
  run_for(minutes(2));
  EXPECT_EQ(script.fetches, 1);
}

}  // namespace
}  // namespace cordon::identity

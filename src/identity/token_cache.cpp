#include "identity/token_cache.hpp"

#include <algorithm>

#include "loop/wait.hpp"

namespace cordon::identity {
namespace {

using std::chrono::seconds;

constexpr nanoseconds kRememberFailure = seconds(60);  // as MSAL does (mde-api §2.2)
constexpr nanoseconds kLongestBackOff = seconds(60);
constexpr nanoseconds kLongestRetryAfter = std::chrono::hours(1);
constexpr nanoseconds kLookAtOthers = milliseconds(100);  // while another process asks

/// 5 s is what MSAL waits when a busy service does not say how long; troubles of the way are tried sooner.
nanoseconds back_off(const Error &error, int attempt) {
  if (error.retry_after_ms >= 0)
    return std::clamp<nanoseconds>(milliseconds(error.retry_after_ms), seconds(1), kLongestRetryAfter);
  const nanoseconds first = error.http_status != 0 ? seconds(5) : seconds(1);
  return std::min<nanoseconds>(first * (1 << std::min(attempt, 6)), kLongestBackOff);
}

/// The credential is wrong, as the service or a look at it says; another one may be right.
bool is_refusal(const Error &error) {
  return !error.retryable && (error.status == Status::Unauthenticated || error.status == Status::InvalidState);
}

/// One run of the source, with its repetitions, shared by all who wait for it.
struct Flight {
  explicit Flight(loop::Scheduler &scheduler) : changed(scheduler) {}
  loop::Event changed;
  std::optional<Result<SharedToken>> result;
  int waiting = 0;
};

class Waiting {
 public:
  explicit Waiting(int &count) : count_(count) { ++count_; }
  ~Waiting() { --count_; }
  Waiting(const Waiting &) = delete;
  Waiting &operator=(const Waiting &) = delete;

 private:
  int &count_;
};

}  // namespace

struct TokenCache::State : std::enable_shared_from_this<State> {
  State(loop::Scheduler &scheduler_, std::unique_ptr<TokenSource> source_, TokenStore *store_)
      : scheduler(scheduler_), scope(scheduler_), source(std::move(source_)), store(store_) {}

  SharedToken usable() const { return cached && scheduler.now() < cached->usable_until ? cached : nullptr; }
  bool is_failure_remembered() const {
    return failure && !failure->retryable && scheduler.now() < not_before && source->fingerprint() == failed_with;
  }
  Error ended(const loop::Scope &caller) const {
    const std::string authority = source->authority();
    return caller.error(authority.empty() ? "waiting for a token" : "waiting for a token from " + authority);
  }
  bool must_wait() const { return failure && failure->retryable && scheduler.now() < not_before; }
  void take_off() {
    flight = std::make_shared<Flight>(scheduler);
    launch(flight);
  }
  void launch(std::shared_ptr<Flight> ready) {
    try {
      scheduler.spawn(fly(shared_from_this(), std::move(ready)));
    } catch (...) {  // out of memory: nobody shall wait for what never began
      flight.reset();
      throw;
    }
  }
  void succeed(SharedToken token) {
    cached = std::move(token);
    failure.reset();
    not_before = BootTime();
    attempts = 0;
    rejected.reset();
  }
  /// Another process was refused: as if it had been this one.
  void remember_others(const Claim &claim, const std::string &fingerprint) {
    failure = claim.error;
    failed_with = claim.error.retryable ? std::string() : fingerprint;
    not_before = claim.not_before;
  }
  /// The one that was rejected, or one that ends before it: the store may keep such from a credential of earlier.
  bool is_rejected(const SharedToken &token) const {
    return rejected && (token->usable_until < rejected->usable_until || token->value.equals(rejected->value));
  }
  /// Decides when the source may be asked again.
  void remember(const Error &error) {
    failure = error;
    failed_with.clear();
    if (error.retryable) {
      not_before = scheduler.now() + back_off(error, attempts++);
      return;
    }
    attempts = 0;
    not_before = BootTime();
    // Only the service's own refusal is worth remembering; a locked vault may be open the next moment.
    if (error.http_status != 0) failed_with = source->fingerprint();
    if (!failed_with.empty()) not_before = scheduler.now() + kRememberFailure;
  }

  static loop::Task<void> fly(std::shared_ptr<State> state, std::shared_ptr<Flight> flight);
  static loop::Task<Result<SharedToken>> join(std::shared_ptr<State> state, loop::Scope &scope);
  loop::Task<Result<SharedToken>> attempt();
  loop::Task<Result<SharedToken>> attempt_alone();

  loop::Scheduler &scheduler;
  loop::Scope scope;  ///< of all flights: ends with the cache
  std::unique_ptr<TokenSource> source;
  TokenStore *store;
  SharedToken cached;
  std::shared_ptr<Flight> flight;
  std::optional<Error> failure;  ///< of the last attempt
  std::string failed_with;       ///< the credential's fingerprint at a lasting failure
  BootTime not_before;           ///< no attempt before this time
  int attempts = 0;              ///< passing failures in a row
  SharedToken rejected;          ///< the store may still hold it
  std::optional<Error> successor_problem;
};

/// One attempt of this process, whoever else asks. Remembers how it failed.
loop::Task<Result<SharedToken>> TokenCache::State::attempt_alone() {
  Result<SharedToken> got = co_await source->fetch(scope);
  if (got) successor_problem.reset();
  if (!got && is_refusal(got.error()) && source->has_former()) {
    Result<SharedToken> by_former = co_await source->fetch_with_former(scope);
    if (by_former) {
      successor_problem = std::move(got.error());
      co_return by_former;
    }
  }
  if (!got && !scope.reason()) remember(got.error());
  co_return got;
}

/// The same, unless another process brings the token or has just failed to.
loop::Task<Result<SharedToken>> TokenCache::State::attempt() {
  const std::string fingerprint = store != nullptr ? source->fingerprint() : std::string();
  if (fingerprint.empty()) co_return co_await attempt_alone();
  for (;;) {
    Claim claim = co_await store->claim(fingerprint);
    SharedToken kept = co_await store->load(fingerprint);
    const bool good = kept && !is_rejected(kept) && kept != cached && scheduler.now() < kept->refresh_at;
    if (claim.state == Claim::State::Mine) {
      Result<SharedToken> got = kept;
      if (!good) got = co_await attempt_alone();
      co_await store->finish(fingerprint, got, not_before);
      co_return got;
    }
    if (good) co_return kept;
    if (claim.state == Claim::State::Refused && is_refusal(claim.error) && source->has_former()) {
      Result<SharedToken> by_former = co_await source->fetch_with_former(scope);
      if (by_former) {
        successor_problem = std::move(claim.error);
        co_await store->finish(fingerprint, by_former, BootTime());  // for those who have no other
        co_return by_former;
      }
    }
    if (claim.state == Claim::State::Refused) {
      remember_others(claim, fingerprint);
      co_return fail(std::move(claim.error));
    }
    const BootTime next = scheduler.now() + kLookAtOthers;
    Result<void> slept = co_await loop::sleep_until(next, scope);
    if (!slept) co_return fail(std::move(slept.error()));
  }
}

loop::Task<void> TokenCache::State::fly(std::shared_ptr<State> state, std::shared_ptr<Flight> flight) {
  for (;;) {
    if (state->must_wait()) {
      flight->changed.notify_all();  // those whose deadline comes first leave
      auto slept = co_await loop::sleep_until(state->not_before, state->scope);
      if (flight->result) break;  // accepted meanwhile
      if (!slept || flight->waiting == 0) {
        flight->result = fail(slept ? *state->failure : slept.error());
        break;
      }
    }
    Result<SharedToken> got = co_await state->attempt();
    if (got) {
      state->succeed(*got);
      flight->result = std::move(got);
      break;
    }
    const bool ended = state->scope.reason().has_value();
    if (ended || !got.error().retryable || flight->waiting == 0) {
      flight->result = std::move(got);
      break;
    }
  }
  if (state->flight == flight) state->flight.reset();
  flight->changed.notify_all();
}

loop::Task<Result<SharedToken>> TokenCache::State::join(std::shared_ptr<State> state, loop::Scope &scope) {
  const bool first = !state->flight;
  if (first) state->flight = std::make_shared<Flight>(state->scheduler);
  const std::shared_ptr<Flight> flight = state->flight;
  const Waiting waiting(flight->waiting);
  if (first) state->launch(flight);
  for (;;) {
    if (flight->result) co_return *flight->result;
    if (state->must_wait() && scope.deadline() && *scope.deadline() <= state->not_before) {
      Error error = *state->failure;
      error.retry_after_ms = std::chrono::ceil<milliseconds>(state->not_before - state->scheduler.now()).count();
      co_return fail(std::move(error));
    }
    auto woken = co_await flight->changed.wait(scope);
    if (!woken && !flight->result) co_return fail(state->ended(scope));
  }
}

TokenCache::TokenCache(loop::Scheduler &scheduler, std::unique_ptr<TokenSource> source, TokenStore *store)
    : state_(std::make_shared<State>(scheduler, std::move(source), store)) {}

TokenCache::~TokenCache() {
  state_->scope.cancel(Status::ShuttingDown);
}

loop::Task<Result<SharedToken>> TokenCache::get(loop::Scope &scope) {
  const std::shared_ptr<State> state = state_;
  if (scope.reason()) co_return fail(state->ended(scope));
  if (SharedToken token = state->usable()) {
    const bool due = state->scheduler.now() >= token->refresh_at && !state->flight;
    if (due && !state->must_wait() && !state->is_failure_remembered()) state->take_off();
    co_return token;
  }
  if (state->is_failure_remembered()) co_return fail(*state->failure);
  co_return co_await State::join(state, scope);
}

void TokenCache::reject(const SharedToken &token) {
  if (!token || state_->cached != token) return;
  state_->rejected = std::move(state_->cached);
  state_->cached.reset();
}

void TokenCache::accept(SharedToken token) {
  state_->succeed(token);
  if (state_->store != nullptr)
    state_->scheduler.spawn(state_->store->finish(state_->source->fingerprint(), std::move(token), BootTime()));
  if (!state_->flight) return;
  state_->flight->result = state_->cached;
  state_->flight->changed.notify_all();
}

void TokenCache::inherit(const Token &token) {
  auto due = std::make_shared<Token>();
  due->value = token.value.clone();
  due->expires_at = token.expires_at;
  due->usable_until = token.usable_until;
  due->refresh_at = state_->scheduler.now();
  due->roles = token.roles;
  state_->cached = std::move(due);
}

void TokenCache::stop() {
  state_->scope.cancel(Status::ShuttingDown);
}

SharedToken TokenCache::fresh() const {
  return state_->usable();
}

std::optional<Error> TokenCache::last_error() const {
  return state_->failure;
}

std::optional<Error> TokenCache::successor_problem() const {
  return state_->successor_problem;
}

TokenSource &TokenCache::source() const {
  return *state_->source;
}

}  // namespace cordon::identity

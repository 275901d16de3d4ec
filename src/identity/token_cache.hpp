#pragma once

#include <memory>
#include <optional>

#include "identity/token.hpp"
#include "loop/scheduler.hpp"

namespace cordon::identity {

/// One tenant's token. Many callers share one fetch, those of other processes too if there is a store; it is refreshed
/// in the background before it ends; a lasting failure is remembered for a minute under the credential's fingerprint,
/// so that a broken configuration does not hammer the service; a passing one is tried again with back-off for as long
/// as somebody waits. [loop]
class TokenCache {
 public:
  /// `store` may be nullptr and is borrowed; `scheduler` too.
  TokenCache(loop::Scheduler &scheduler, std::unique_ptr<TokenSource> source, TokenStore *store = nullptr);
  /// Whoever waits gets SHUTTING_DOWN.
  ~TokenCache();
  TokenCache(const TokenCache &) = delete;
  TokenCache &operator=(const TokenCache &) = delete;

  /// A token that is good for at least a while. A caller whose deadline comes before the next attempt is told at once,
  /// with the reason and `retry_after_ms`; a caller that is cancelled takes nothing from the others.
  loop::Task<Result<SharedToken>> get(loop::Scope &scope);
  /// The service answered 401 to it: drops it, unless it has been replaced already.
  void reject(const SharedToken &token);
  /// A token that was earned elsewhere, by a person's sign-in: forgets what failed before.
  void accept(SharedToken token);
  /// A token of the credential that this one replaces at the same application: it serves until this one has earned its
  /// own, which is tried at the next get().
  void inherit(const Token &token);
  /// For good: nobody is asked for a token any more.
  void stop();
  /// The cached token if it may be used now; does not wait and fetches nothing.
  SharedToken fresh() const;
  /// Why there was no token the last time one was asked for; nullopt after a success. For `health`.
  std::optional<Error> last_error() const;
  /// Why a rotated credential is not used, while the one before it still earns the tokens; nullopt: it is used, or
  /// there is none. For `health`.
  std::optional<Error> successor_problem() const;
  TokenSource &source() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cordon::identity

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secure.hpp"
#include "base/utc.hpp"
#include "loop/scope.hpp"
#include "loop/task.hpp"

namespace cordon::identity {

/// An access token and how long it may be used. Shared by all requests under way.
struct Token {
  Token() = default;

  Secret value;
  UtcTicks expires_at;             ///< for people and for the store
  BootTime usable_until;           ///< shortly before the end: a request started now still arrives in time
  BootTime refresh_at;             ///< from here on a new one is fetched while this one still serves
  std::vector<std::string> roles;  ///< claim `roles`, or `scp` of a user's token; empty when it can't be read
};
using SharedToken = std::shared_ptr<const Token>;

/// One way to get a token, one per credential kind. [loop]
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  /// One attempt. Errors: UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED, SERVICE, NETWORK, TLS, INVALID_RESPONSE,
  /// those of the vault, or the scope's. `retryable` tells a passing trouble from a lasting one.
  virtual loop::Task<Result<SharedToken>> fetch(loop::Scope &scope) = 0;
  /// When a credential is rotated: the same with the one that has earned the last token, which is not the present one
  /// (has_former()).
  virtual loop::Task<Result<SharedToken>> fetch_with_former(loop::Scope &) {
    co_return fail(Status::Internal, "there is no former credential");
  }
  virtual bool has_former() const { return false; }
  /// Changes when tenant, application, authority or the credential itself changes, and tells nothing about the
  /// credential. Empty when that can't be known now.
  virtual std::string fingerprint() const = 0;
  /// Whom it asks, for messages: "https://login.microsoftonline.com"; empty: nobody.
  virtual std::string authority() const { return {}; }
  /// Why no token can be had, as far as the disk shows it now; for people, before one is asked for. [any-thread]
  virtual std::optional<Error> problem() const { return std::nullopt; }
  /// When the credential itself ends, as far as it tells; may read it from the disk.
  virtual std::optional<UtcTicks> not_after() const { return std::nullopt; }
};

/// Makes a token that was asked for at `asked` and lives `expires_in_s` seconds.
SharedToken make_token(Secret value, std::int64_t expires_in_s, BootTime asked, UtcTicks asked_utc);

/// The application permissions (`roles`) or scopes (`scp`) in a token's payload, for diagnosis only: the token is not
/// verified. Empty for anything that is no JWT.
std::vector<std::string> token_roles(const Secret &token);

/// A name for what `parts` say that tells nothing about it: their hash, keyed by `secret` if they belong to one, so
/// that nothing can be tried against it without the secret.
std::string hash_name(const std::vector<std::string_view> &parts, const Secret *secret = nullptr);

/// What became of an attempt to be the one who asks for a token.
struct Claim {
  enum class State {
    Mine,     ///< ask, and say what came of it by finish()
    Others,   ///< another process is asking
    Refused,  ///< another process has asked lately and got `error`; no use before `not_before`
  };
  Claim() = default;
  State state = State::Mine;
  Error error;
  BootTime not_before;
};

/// Where tokens outlive the process, encrypted, and where processes agree on who asks for a new one. [loop]
class TokenStore {
 public:
  virtual ~TokenStore() = default;
  /// nullptr when there is none for the fingerprint.
  virtual loop::Task<SharedToken> load(std::string fingerprint) = 0;
  /// Never waits for the other process; a store that is out of order answers Mine. A claim ends with finish(), with the
  /// death of its process, or when that has not been heard of for seconds.
  virtual loop::Task<Claim> claim(std::string fingerprint) = 0;
  /// Ends a claim: keeps the token, or the failure until `not_before` for the others to know; they do when it returns.
  virtual loop::Task<void> finish(std::string fingerprint, Result<SharedToken> got, BootTime not_before) = 0;
};

}  // namespace cordon::identity

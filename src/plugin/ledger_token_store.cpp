#include "plugin/ledger_token_store.hpp"

#include <chrono>

namespace cordon::plugin {
namespace {

using identity::Claim;
using identity::SharedToken;
using ledger::Durability;
using ledger::TokenRow;
using ledger::Tx;
using std::chrono::seconds;

constexpr seconds kBeat(2);
constexpr seconds kMissed(5);  ///< two beats and some slack
constexpr seconds kLeastLife(60);
constexpr std::chrono::hours kRefreshTokenLife(24 * 90);

std::string lease_name(const std::string &fingerprint) {
  return "token/" + fingerprint;
}
std::string failure_name(const std::string &fingerprint) {
  return "token_failure/" + fingerprint;
}
std::string refresh_name(const std::string &name) {
  return "refresh/" + name;
}

/// Boot times mean something under one boot id only.
std::int64_t number_of(BootTime time) {
  return time.time_since_epoch().count();
}

Json failure_row(const Error &error, BootTime not_before, const Clock &clock) {
  return {{"until", number_of(not_before)},
          {"boot", clock.boot_id()},
          {"status", static_cast<std::int32_t>(error.status)},
          {"message", error.message},
          {"retryable", error.retryable},
          {"http_status", error.http_status},
          {"service_code", error.service_code},
          {"correlation_id", error.service_correlation_id},
          {"pointer", error.pointer}};
}

Error failure_of(const Json &row) {
  Error error(static_cast<Status>(int_or(row, "status", static_cast<std::int32_t>(Status::Unauthenticated))),
              text_or(row, "message"));
  error.retryable = bool_or(row, "retryable", false);
  error.http_status = static_cast<int>(int_or(row, "http_status", 0));
  error.service_code = text_or(row, "service_code");
  error.service_correlation_id = text_or(row, "correlation_id");
  error.pointer = text_or(row, "pointer");
  return error;
}

/// What another client left when it was refused, if that still counts.
std::optional<Claim> refusal_of(const std::string &text, const Clock &clock) {
  const auto row = parse_json(text, "failure");
  if (!row || !row->is_object() || text_or(*row, "boot") != clock.boot_id()) return std::nullopt;
  Claim claim;
  claim.state = Claim::State::Refused;
  claim.not_before = BootTime(nanoseconds(int_or(*row, "until", 0)));
  if (claim.not_before <= clock.now()) return std::nullopt;
  claim.error = failure_of(*row);
  return claim;
}

}  // namespace

loop::Task<SharedToken> LedgerTokenStore::load(std::string fingerprint) {
  const auto read = [&fingerprint](Tx &tx) { return tx.get_token(fingerprint); };
  Result<std::optional<TokenRow>> row = co_await ledger_.run(Durability::Read, read);
  if (!row || !*row) co_return nullptr;
  const UtcTicks now = scheduler_.clock().utc();
  const std::int64_t left_s = ((*row)->expires - now) / seconds(1);
  if (left_s < kLeastLife.count()) co_return nullptr;
  Result<Secret> value = ledger_.open_sealed(fingerprint, (*row)->sealed);
  if (!value) co_return nullptr;
  co_return identity::make_token(std::move(*value), left_s, scheduler_.now(), now);
}

loop::Task<Claim> LedgerTokenStore::claim(std::string fingerprint) {
  const std::string lease = lease_name(fingerprint), failure = failure_name(fingerprint);
  const Clock &clock = scheduler_.clock();
  const auto take = [&lease, &failure, &clock](Tx &tx) -> Result<Claim> {
    Result<std::optional<std::string>> left = tx.get_meta(failure);
    if (!left) return fail(std::move(left.error()));
    if (*left)
      if (auto refusal = refusal_of(**left, clock)) return std::move(*refusal);
    const BootTime now = clock.now();
    return tx.take_lease(lease, now, now + kMissed).map([](const ledger::Lease &taken) {
      Claim claim;
      if (!taken.held) claim.state = Claim::State::Others;
      return claim;
    });
  };
  Result<Claim> claim = co_await ledger_.run(Durability::Process, take);
  if (!claim) co_return Claim();
  if (claim->state == Claim::State::Mine) keep_claim(fingerprint);
  co_return std::move(*claim);
}

void LedgerTokenStore::keep_claim(const std::string &fingerprint) {
  beats_[fingerprint] = std::make_unique<loop::Timer>(scheduler_, scheduler_.now() + kBeat,
                                                      [this, fingerprint] { scheduler_.spawn(beat(fingerprint)); });
}

loop::Task<void> LedgerTokenStore::beat(std::string fingerprint) {
  keep_claim(fingerprint);
  const std::string lease = lease_name(fingerprint);
  const BootTime now = scheduler_.now();
  const auto keep = [&lease, now](Tx &tx) { return tx.take_lease(lease, now, now + kMissed); };
  (void)co_await ledger_.run(Durability::Process, keep);
}

void LedgerTokenStore::finish(const std::string &fingerprint, const Result<SharedToken> &got, BootTime not_before) {
  beats_.erase(fingerprint);
  std::optional<TokenRow> token;
  std::string row;
  if (got) {
    if (Result<std::string> sealed = ledger_.seal(fingerprint, (*got)->value); sealed)
      token = TokenRow(std::move(*sealed), (*got)->expires_at);
  } else if (not_before > scheduler_.now()) {
    row = dump(failure_row(got.error(), not_before, scheduler_.clock()));
  }
  scheduler_.spawn(write(fingerprint, std::move(token), std::move(row)));
}

/// Token, failure and the lease's end in one step: whoever can take the lease sees what came of it.
loop::Task<void> LedgerTokenStore::write(std::string fingerprint, std::optional<TokenRow> token, std::string row) {
  const std::string lease = lease_name(fingerprint), failure = failure_name(fingerprint);
  const BootTime now = scheduler_.now();
  const auto put = [&](Tx &tx) -> Result<void> {
    if (token)
      if (auto kept = tx.put_token(fingerprint, *token); !kept) return kept;
    if (auto left = row.empty() ? tx.erase_meta(failure) : tx.put_meta(failure, row); !left) return left;
    return tx.take_lease(lease, now, now).map([](const ledger::Lease &) {});
  };
  (void)co_await ledger_.run(Durability::Process, put);
}

loop::Task<Result<Secret>> LedgerTokenStore::load_refresh_token(std::string name) {
  const std::string row_name = refresh_name(name);
  const auto read = [&row_name](Tx &tx) { return tx.get_token(row_name); };
  Result<std::optional<TokenRow>> row = co_await ledger_.run(Durability::Read, read);
  if (!row) co_return fail(std::move(row.error()));
  if (!*row) co_return fail(Status::NotFound, "no refresh token is kept");
  co_return ledger_.open_sealed(row_name, (*row)->sealed);
}

loop::Task<Result<void>> LedgerTokenStore::save_refresh_token(std::string name, Secret token) {
  const std::string row_name = refresh_name(name);
  Result<std::string> sealed = ledger_.seal(row_name, token);
  if (!sealed) co_return fail(std::move(sealed.error()));
  const TokenRow row(std::move(*sealed), scheduler_.clock().utc() + kRefreshTokenLife);
  const auto put = [&row_name, &row](Tx &tx) { return tx.put_token(row_name, row); };
  co_return co_await ledger_.run(Durability::Full, put);
}

}  // namespace cordon::plugin

#include "plugin/ledger_token_store.hpp"

namespace cordon::plugin {

using identity::SharedToken;
using ledger::Durability;
using ledger::TokenRow;
using ledger::Tx;

loop::Task<SharedToken> LedgerTokenStore::load(const std::string &fingerprint, loop::Scope &) {
  const auto read = [&fingerprint](Tx &tx) { return tx.get_token(fingerprint); };
  Result<std::optional<TokenRow>> row = co_await ledger_.run(Durability::Read, read);
  if (!row || !*row) co_return nullptr;
  const UtcTicks now = scheduler_.clock().utc();
  const std::int64_t left_s = ((*row)->expires - now) / std::chrono::seconds(1);
  if (left_s < 60) co_return nullptr;
  Result<Secret> value = ledger_.open_sealed(fingerprint, (*row)->sealed);
  if (!value) co_return nullptr;
  co_return identity::make_token(std::move(*value), left_s, scheduler_.now(), now);
}

void LedgerTokenStore::save(const std::string &fingerprint, SharedToken token) {
  Result<std::string> sealed = ledger_.seal(fingerprint, token->value);
  if (sealed) scheduler_.spawn(write(fingerprint, TokenRow(std::move(*sealed), token->expires_at)));
}

loop::Task<void> LedgerTokenStore::write(std::string fingerprint, TokenRow row) {
  const auto put = [fingerprint, row](Tx &tx) { return tx.put_token(fingerprint, row); };
  (void)co_await ledger_.run(Durability::Process, put);
}

}  // namespace cordon::plugin

#pragma once

#include <map>
#include <memory>
#include <string>

#include "identity/device_code.hpp"
#include "identity/token.hpp"
#include "ledger/ledger.hpp"

namespace cordon::plugin {

/// Keeps tokens in the ledger, sealed with its key, so that the next process need not ask for one, and lets one process
/// at a time ask: the claim is a lease kept by heartbeats, taken over when two of them are missed or its owner is dead.
/// A store that can't be read or written only costs a token request. [loop]
class LedgerTokenStore final : public identity::TokenStore, public identity::RefreshTokens {
 public:
  LedgerTokenStore(loop::Scheduler &scheduler, ledger::Ledger &ledger) : scheduler_(scheduler), ledger_(ledger) {}

  loop::Task<identity::SharedToken> load(std::string fingerprint) override;
  loop::Task<identity::Claim> claim(std::string fingerprint) override;
  void finish(const std::string &fingerprint, const Result<identity::SharedToken> &got, BootTime not_before) override;

  // RefreshTokens: rows of the same table, under a name of their own.
  loop::Task<Result<Secret>> load_refresh_token(std::string name) override;
  loop::Task<Result<void>> save_refresh_token(std::string name, Secret token) override;

 private:
  void keep_claim(const std::string &fingerprint);
  loop::Task<void> beat(std::string fingerprint);
  loop::Task<void> write(std::string fingerprint, std::optional<ledger::TokenRow> token, std::string row);

  loop::Scheduler &scheduler_;
  ledger::Ledger &ledger_;
  std::map<std::string, std::unique_ptr<loop::Timer>> beats_;  ///< of the claims held, by fingerprint
};

}  // namespace cordon::plugin

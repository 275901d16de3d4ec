#pragma once

#include <string>

#include "identity/token.hpp"
#include "ledger/ledger.hpp"

namespace cordon::plugin {

/// Keeps tokens in the ledger, sealed with its key, so that the next process need not ask for one. A store that can't
/// be read or written only costs a token request. [loop]
class LedgerTokenStore final : public identity::TokenStore {
 public:
  LedgerTokenStore(loop::Scheduler &scheduler, ledger::Ledger &ledger) : scheduler_(scheduler), ledger_(ledger) {}

  loop::Task<identity::SharedToken> load(const std::string &fingerprint, loop::Scope &scope) override;
  void save(const std::string &fingerprint, identity::SharedToken token) override;

 private:
  loop::Task<void> write(std::string fingerprint, ledger::TokenRow row);

  loop::Scheduler &scheduler_;
  ledger::Ledger &ledger_;
};

}  // namespace cordon::plugin

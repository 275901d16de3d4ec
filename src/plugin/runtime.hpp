#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>

#include "http/curl_transport.hpp"
#include "ledger/bell.hpp"
#include "loop/activity.hpp"
#include "loop/curl_loop.hpp"
#include "plugin/client.hpp"
#include "plugin/config.hpp"
#include "plugin/event_reader.hpp"
#include "plugin/ledger_token_store.hpp"
#include "plugin/login.hpp"
#include "plugin/open_ledgers.hpp"
#include "response/responder.hpp"

namespace cordon::plugin {

class PreflightReport;

/// The composition root: owns every part of one client and carries calls from the host's threads to the loop and back.
class Runtime final : public Client {
 public:
  Runtime(Config config, std::unique_ptr<Log> log, std::unique_ptr<SystemClock> clock,
          std::unique_ptr<SystemRandom> random, std::unique_ptr<vault::Vault> vault,
          std::unique_ptr<ledger::Ledger> ledger);
  ~Runtime() override;

  Result<void> reload(std::string_view config_json) override;
  Result<void> shutdown(std::int32_t timeout_ms) override;
  Result<Answer> restrict_code_execution(std::string_view machine_id, std::string_view comment,
                                         std::string_view options_json, std::int32_t timeout_ms) override;
  Result<Answer> stop_and_quarantine(std::string_view machine_id, std::string_view sha1, std::string_view comment,
                                     std::string_view options_json, std::int32_t timeout_ms) override;
  Result<Answer> poll_action(std::string_view id, std::string_view options_json, std::int32_t wait_ms) override;
  Result<Answer> call(std::string_view operation, std::string_view request_json, std::int32_t timeout_ms) override;
  Result<Answer> submit(std::string_view operation, std::string_view request_json) override;
  Result<Answer> next_event(std::string_view options_json, std::int32_t wait_ms) override;
  Result<int> event_fd() override;
  Result<void> withdraw(std::string_view request_id) override;
  Result<void> interrupt(std::string_view call_id) override;
  Result<void> vault_unlock(std::string_view kind, std::string_view secret) override;
  Result<void> secret_set(std::string_view name, std::string_view value) override;
  Result<void> secret_remove(std::string_view name) override;
  Result<Answer> vault_status() override;
  Result<void> vault_rekey(std::string_view options_json, std::string_view new_secret,
                           std::int32_t timeout_ms) override;

  /// Gives the ledger its key as soon as there is one: from the vault, or from the ledger's own file without a vault.
  /// Not having one yet is no error.
  Result<void> attach_ledger_key();
  /// The same at the first need: a key file or a vault may have come since. The error says what is missing.
  Result<void> need_ledger_key();
  /// The ledger remembers the highest generation of each vault; a vault that is behind it is an old copy, which every
  /// use of it will say from now on.
  Result<void> compare_vault_generation();
  /// Starts the loop, and recovery when the ledger has its key. Idempotent.
  void start() {
    const std::lock_guard lock(mutex_);
    start_locked();
  }

 private:
  using Outcome = response::Outcome;
  template <class T>
  using Work = std::function<loop::Task<Result<T>>(loop::Scope &)>;

  /// Runs `work` on the loop and blocks until it is done. `timeout_ms` −1: the configured default. `acts`: it may have
  /// an effect at the service, and what is unknown is called so.
  template <class T>
  Result<T> run(const std::string &call_id, std::int32_t timeout_ms, Work<T> work, bool acts = false);
  template <class T>
  struct Call;
  class Service;
  template <class T>
  void begin_serving(const std::shared_ptr<Call<T>> &call);
  template <class T>
  loop::Task<void> serve(std::shared_ptr<Call<T>> call);

  /// A checked request on its way: which operation, for whom.
  struct Prepared {
    Prepared() = default;
    const defender::Operation *operation = nullptr;
    Json request;
    response::Options options;
    std::shared_ptr<response::Tenant> tenant;
  };
  Result<Prepared> prepare(std::string_view operation, Json request);
  Result<Json> typed_request(std::string_view options_json, Json members) const;
  Result<Answer> perform(Prepared prepared, std::int32_t timeout_ms);
  Result<Answer> perform_local(const Prepared &prepared, std::int32_t timeout_ms);
  Answer dry_run(const response::Intent &intent) const;

  loop::Task<Result<Outcome>> list_requests(Json filter);
  loop::Task<Result<Outcome>> audit_export(Json request);
  Result<Answer> audit_verify(const Prepared &prepared, std::int32_t timeout_ms);
  Result<Answer> ledger_check(const Prepared &prepared, std::int32_t timeout_ms);
  loop::Task<Result<Outcome>> quota_usage(std::shared_ptr<response::Tenant> tenant);
  loop::Task<Result<Outcome>> health();
  loop::Task<Result<Outcome>> halt(std::string scope, std::string reason, std::string actor);
  loop::Task<Result<Outcome>> resume(std::string scope, std::string reason, std::string actor);
  Result<std::string> halt_scope(const Prepared &prepared) const;
  loop::Task<Result<Outcome>> preflight(Json request, std::string tenant, loop::Scope &scope);
  class TenantPreflight;
  struct PreflightRun;
  loop::Task<void> preflight_tenants(PreflightRun &run, loop::Scope &scope);
  void check_network(PreflightReport &report, const Json &vault_status);
  loop::Task<void> check_ledger(PreflightReport &report);
  loop::Task<void> check_halt(PreflightReport &report, std::string scope);
  Json credential_state(const Json &credential, const response::Tenant *tenant, const Json &vault_status) const;
  Result<Answer> perform_login(const Prepared &prepared, std::int32_t timeout_ms);
  loop::Task<Result<Outcome>> login(std::shared_ptr<response::Tenant> tenant, loop::Scope &scope);
  loop::Task<void> finish_login(std::shared_ptr<Login> login);
  loop::Task<void> journal_login(std::string tenant, Json document);
  loop::Task<Result<Outcome>> login_status(std::shared_ptr<response::Tenant> tenant, bool wait, loop::Scope &scope);

  void start_locked();
  milliseconds config_timeout() const {
    const std::lock_guard lock(mutex_);
    return config_.timeout;
  }
  loop::Task<void> recover();
  void begin_drain() noexcept;
  loop::Task<void> drain();
  void give_up() noexcept;
  Result<std::shared_ptr<response::Tenant>> tenant_of(const std::string &named) const;
  std::shared_ptr<response::Tenant> tenant_named(const std::string &name) const;
  using Tenants = std::map<std::string, std::shared_ptr<response::Tenant>>;
  Tenants use_config(Config next);
  Result<std::shared_ptr<response::Tenant>> make_tenant(const std::string &name, const TenantConfig &config);
  loop::Task<Result<bool>> take_over_config(Config next);
  std::map<std::string, Error> unusable_tenants() const;
  void log_broken_tenants();
  Result<void> use_vault_key();
  tl::unexpected<Error> explained(Error error) const;
  Result<void> follow_store_key();
  Result<Answer> describe_secret(const Json &request);
  Result<void> journal_vault_change(const std::string &change, std::string_view name);
  loop::Task<void> listen(std::string state_dir);
  void look_at_others();
  void stop_threads();

  std::unique_ptr<SystemClock> clock_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<SystemRandom> random_;
  std::unique_ptr<vault::Vault> vault_;
  std::unique_ptr<ledger::Ledger> ledger_;
  OpenLedger open_ledger_;
  loop::CurlLoop loop_;
  http::CurlTransport transport_;
  LedgerTokenStore token_store_;
  EventReader events_;
  response::Seams seams_;

  const bool ledger_key_in_file_;                    ///< no vault keeps it
  std::atomic<std::uint64_t> vault_generation_ = 0;  ///< that the ledger is known to remember
  mutable std::mutex mutex_;                         ///< guards the members up to the next comment
  Config config_;
  Tenants tenants_;
  bool started_ = false;
  bool accepting_ = true;
  bool gave_up_ = false;  ///< memory ran out, and what was under way was dropped

  response::Responder responder_;  // from here on: [loop]
  loop::Activity calls_;
  std::multimap<std::string, loop::Scope *> scopes_;  ///< of the calls under way, by call_id
  std::optional<ledger::Bell> bell_;                  ///< once it has lived for a moment
  bool recovered_ = false;
  bool ending_ = false;
  Logins logins_;

  std::mutex shutdown_mutex_;  ///< one shutdown at a time
  bool down_ = false;
  BootTime drain_until_{};
  std::binary_semaphore drained_{0};
  // Made in time, for their hour comes when there may be no memory.
  const std::shared_ptr<loop::Prepared> begin_drain_ = loop::prepare([this] { begin_drain(); });
  const std::shared_ptr<loop::Prepared> give_up_ = loop::prepare([this] { give_up(); });
};

}  // namespace cordon::plugin

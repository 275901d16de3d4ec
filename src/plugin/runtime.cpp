#include "plugin/runtime.hpp"

#include "base/out_of_memory.hpp"
#include "embedded/plugin_manifest.hpp"
#include "plugin/runtime_call.hpp"

namespace cordon::plugin {
std::string_view manifest() {
  return embedded::plugin_manifest;
}

void Client::load_libraries() {
  loop::CurlLoop::load_libraries();
}

Result<std::shared_ptr<Client>> Client::open(std::string_view config_json) {
  Result<Config> config = Config::read(config_json);
  if (!config) return fail(std::move(config.error()));
  auto clock = std::make_unique<SystemClock>();
  auto random = std::make_unique<SystemRandom>();
  auto log = Log::open(config->log, *clock);
  if (!log) return fail(std::move(log.error()));
  auto vault = vault::Vault::open(config->vault, *random, *clock);
  if (!vault) return fail(std::move(vault.error()));
  auto ledger = ledger::Ledger::open(config->state_dir, *clock, *random);
  if (!ledger) return fail(std::move(ledger.error()));
  (*ledger)->set_retention(config->retention);
  const bool recover = config->recover;
  auto runtime = std::make_shared<Runtime>(std::move(*config), std::move(*log), std::move(clock), std::move(random),
                                           std::move(*vault), std::move(*ledger));
  if (auto compared = runtime->compare_vault_generation(); !compared) return fail(std::move(compared.error()));
  if (auto attached = runtime->attach_ledger_key(); !attached) return fail(std::move(attached.error()));
  if (recover) runtime->start();
  return runtime;
}

Runtime::Runtime(Config config, std::unique_ptr<Log> log, std::unique_ptr<SystemClock> clock,
                 std::unique_ptr<SystemRandom> random, std::unique_ptr<vault::Vault> vault,
                 std::unique_ptr<ledger::Ledger> ledger)
    : clock_(std::move(clock)),
      log_(std::move(log)),
      random_(std::move(random)),
      vault_(std::move(vault)),
      ledger_(std::move(ledger)),
      open_ledger_(*ledger_),
      loop_(*clock_),
      transport_(loop_, config.http, [this](const std::string &secret) { return vault_->get(secret); }),
      token_store_(loop_.scheduler(), *ledger_),
      events_(loop_.scheduler(), *ledger_),
      seams_(loop_.scheduler(), transport_, *ledger_, *random_, *log_, defender::Catalogue::instance()),
      ledger_key_in_file_(config.vault.absent || !config.vault.file),
      config_(std::move(config)),
      responder_(seams_, config_.timing, [this](const std::string &name) { return tenant_named(name); }),
      calls_(loop_.scheduler()) {
  loop_.set_on_exception([this](const std::exception_ptr &exception) {
    if (is_out_of_memory(exception)) return loop_.scheduler().post(give_up_);
    log_->write(LogLevel::Error, "a background task broke a promise and was dropped");
  });
  ledger_->attach(loop_.scheduler());
  ledger_->set_on_append([this](std::int64_t sequence) { events_.on_append(sequence); });
  responder_.set_on_append([this](std::int64_t sequence) { events_.on_append(sequence); });
  responder_.set_on_joined([this](const RequestId &id) { events_.follow(id); });
  use_config(std::move(config_));
  log_broken_tenants();
}

Runtime::~Runtime() {
  (void)shutdown(0);
}

void Runtime::start_locked() {
  if (started_) return;
  // Made before the thread is there: started without it, the client would never recover.
  auto begin = loop::prepare([this, state_dir = config_.state_dir] {
    loop_.scheduler().spawn(recover());
    loop_.scheduler().spawn(listen(state_dir));
  });
  loop_.start();
  started_ = true;  // not before: without its thread nobody would serve a call
  loop_.scheduler().post(std::move(begin));
}

/// Hears what other clients of the ledger do, or looks often where that can't be had. Not at once: a process that is
/// over in a moment would wait at its end for the kernel to forget that it listened, which takes milliseconds.
loop::Task<void> Runtime::listen(std::string state_dir) {
  constexpr milliseconds kDeafAtFirst{200};
  constexpr milliseconds kLookInterval{500};
  loop::Scope life(loop_.scheduler());
  (void)co_await loop::sleep_until(clock_->now() + kDeafAtFirst, life);
  bell_.emplace(state_dir);
  if (bell_->listening())
    loop_.watch(bell_->fd(), [this] {
      bell_->hush();
      look_at_others();
    });
  look_at_others();
  while (!bell_->listening()) {
    (void)co_await loop::sleep_until(clock_->now() + kLookInterval, life);
    look_at_others();
  }
}

void Runtime::look_at_others() {
  if (recovered_) responder_.look_at_others();
}

loop::Task<void> Runtime::recover() {
  if (recovered_ || !ledger_->has_key()) co_return;
  recovered_ = true;
  Result<void> recovered = co_await responder_.recover();
  if (!recovered)
    log_->write(LogLevel::Error, "unfinished requests could not be taken over",
                {{"reason", std::string_view(recovered.error().message)}});
}

Result<void> Runtime::shutdown(std::int32_t timeout_ms) {
  const std::lock_guard only_one(shutdown_mutex_);
  if (down_) return {};
  const milliseconds limit = timeout_ms < 0 ? config_timeout() : milliseconds(timeout_ms);
  bool started = false;
  {
    const std::lock_guard lock(mutex_);
    accepting_ = false;
    started = started_;
  }
  if (started) {
    drain_until_ = clock_->now() + limit;
    loop_.scheduler().post(begin_drain_);
    drained_.acquire();
  }
  stop_threads();
  down_ = true;
  return {};
}

void Runtime::begin_drain() noexcept {
  try {
    loop_.scheduler().spawn(drain());
  } catch (const std::bad_alloc &) {  // before it began; what is under way is dropped
    drained_.release();
  }
}

/// Takes back what was not sent, wakes whoever waits, gives transfers until the deadline, then drops them.
loop::Task<void> Runtime::drain() {
  const Releasing done(drained_);
  ending_ = true;
  responder_.stop_sending();
  for (const auto &[id, scope] : scopes_) scope->cancel(Status::ShuttingDown);
  for (const auto &[tenant, login] : logins_) login->scope.cancel(Status::ShuttingDown);
  {
    loop::Scope patient(loop_.scheduler(), drain_until_);
    Result<void> idle = co_await responder_.sending().wait_idle(patient);
    if (!idle)
      log_->write(LogLevel::Warning, "transfers were dropped at the end; their outcome is looked for next time");
  }
  responder_.end();
  loop::Scope no_limit(loop_.scheduler());
  (void)co_await responder_.sending().wait_idle(no_limit);
  (void)co_await calls_.wait_idle(no_limit);
}

/// Memory ran out within something that others rely on: a request on its way, the following of actions, a token. How
/// far it got is known to nobody but the ledger; so everything under way ends as it would by the process' death, and
/// the next client finds it. [loop], where no task is on the stack
void Runtime::give_up() noexcept {
  {
    const std::lock_guard lock(mutex_);
    accepting_ = false;
    gave_up_ = true;
  }
  ledger_->stop();  // its closures refer to frames of the loop
  loop_.scheduler().drop_tasks();
  log_->write(LogLevel::Error, "memory ran out; everything under way was dropped, the next client goes on with it");
}

void Runtime::stop_threads() {
  ledger_->stop();  // first: its closures refer to frames of the loop
  loop_.stop();
  loop_.scheduler().drop_tasks();
}

}  // namespace cordon::plugin

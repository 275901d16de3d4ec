#include "process.hpp"

#include "world.hpp"

namespace cordon::simulation {
namespace {

using namespace std::chrono_literals;

/// The service's times are met with these; a minute's patience for an answer, as in the field.
response::Timing timing_of(const World &world) {
  response::Timing timing;
  timing.track_interval = world.track_interval();
  timing.look_interval = world.look_interval();
  return timing;
}

}  // namespace

bool EventExecutor::submit(const std::shared_ptr<ledger::Job> &job) {
  if (stopped_) return false;
  if (process_.dead()) return true;  // nobody will ever hear of it
  waiting_.push_back(job);
  if (at_once_) {
    run_now();
  } else if (!planned_) {
    planned_ = true;
    const std::weak_ptr<Process> weak = process_.weak_from_this();
    world_.timeline().in(world_.disk_delay(), [this, weak] {
      if (const std::shared_ptr<Process> alive = weak.lock()) run();
    });
  }
  return true;
}

void EventExecutor::run_now() {
  ledger::Batch batch;
  batch.swap(waiting_);
  world_.disk().use(&process_.disk_user());
  runner_->run_batch(batch);
}

void EventExecutor::run() {
  if (process_.dead() || stopped_) return;
  if (process_.frozen_until() > world_.timeline().now()) {
    const std::weak_ptr<Process> weak = process_.weak_from_this();
    world_.timeline().at(process_.frozen_until(), [this, weak] {
      if (const std::shared_ptr<Process> alive = weak.lock()) run();
    });
    return;
  }
  planned_ = false;
  if (waiting_.empty() || process_.reached(Point::BatchBegin)) return;
  const bool dies = process_.about_to_die(Point::MidWrite);
  if (dies) process_.disk_user().writes_left = static_cast<int>(world_.chance().below(12));
  run_now();
  if (dies) {
    process_.disk_user().dead = false;  // it is buried with everything that belongs to that
    process_.die(kPointNames[static_cast<std::size_t>(Point::MidWrite)]);
    return;
  }
  if (process_.reached(Point::BatchCommitted)) return;
  process_.outcome_is_due();
  runner_->idle();
}

void EventExecutor::stop() noexcept {
  if (stopped_) return;
  stopped_ = true;
  if (!process_.dead() && !waiting_.empty()) run_now();
}

/// One caller's wait, while it lasts.
struct Process::Call {
  Call(Process &process_, int wish_, std::optional<BootTime> deadline)
      : process(process_), wish(wish_), scope(process_.scheduler_, deadline) {
    if (wish >= 0) process.calls_[wish] = &scope;
  }
  ~Call() {
    if (wish >= 0) process.calls_.erase(wish);
  }
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;
  Process &process;
  int wish;
  loop::Scope scope;
};

Process::Process(World &world, int number, std::uint64_t seed)
    : world_(world),
      trace_(world.trace()),
      number_(number),
      random_(seed),
      sealing_(~seed),
      scheduler_(world.host()),
      wire_(world.network(), world.witness(), *this) {}

Process::~Process() {
  disk_user_.dead = disk_user_.dead || !ended_;
  world_.disk().use(&disk_user_);
  scheduler_.drop_tasks();
  responder_.reset();
  seams_.reset();
  tenants_.clear();
  tokens_.reset();
  ledger_.reset();
}

void Process::boot() {
  auto executor = std::make_unique<EventExecutor>(world_, *this);
  executor_ = executor.get();
  auto ledger = world_.open_ledger(*this, random_, std::move(executor));
  if (!ledger) {
    world_.witness().violate("a client can be opened", ledger.error().message);
    return;
  }
  ledger_ = std::move(*ledger);
  trace("starts as {}", ledger_->owner());
  scheduler_.set_wake([this] { wake(); });
  ledger_->attach(scheduler_);
  if (auto keyed = ledger_->use_key(World::wrapping_key(), World::kVault); !keyed) {
    world_.witness().violate("a client can be opened", keyed.error().message);
    return;
  }
  tokens_.emplace(scheduler_, *ledger_);
  make_tenants();
  seams_.emplace(scheduler_, wire_, *ledger_, random_, log_, defender::Catalogue::instance());
  responder_.emplace(*seams_, timing_of(world_), [this](const std::string &name) { return tenant_named(name); });
  executor_->take_time(true);
  if (const std::string damage = ledger_->damage(); !damage.empty())
    world_.witness().violate("the journal is whole", damage);
  recovering_ = true;
  start(recover());
}

void Process::make_tenants() {
  const emulator::Directory &directory = world_.service().directory();
  for (const emulator::App &app : directory.apps) {
    auto tenant = std::make_shared<response::Tenant>();
    tenant->name = directory.find_tenant(app.tenant_id)->name;
    tenant->tenant_id = app.tenant_id;
    tenant->client_id = app.client_id;
    tenant->cloud = defender::Cloud("custom", "https://api.example.test", "https://login.example.test",
                                    directory.api_audiences.front());
    for (const defender::QuotaClass &known : defender::Catalogue::instance().quota_classes())
      tenant->quota[known.name] = world_.quota();
    identity::Applicant applicant(tenant->name, tenant->tenant_id, tenant->client_id, tenant->cloud.login,
                                  tenant->cloud.audience);
    const std::string secret = app.client_secret;
    auto source = std::make_unique<identity::ClientSecretSource>(
        identity::TokenEndpoint(std::move(applicant), 2, wire_), "app",
        [secret](const std::string &) -> Result<Secret> { return Secret(secret); }, sealing_);
    tenant->tokens = std::make_shared<identity::TokenCache>(scheduler_, std::move(source), &*tokens_);
    tenants_.push_back(std::move(tenant));
  }
}

std::shared_ptr<response::Tenant> Process::tenant_named(const std::string &name) const {
  for (const auto &tenant : tenants_)
    if (tenant->name == name) return tenant;
  return nullptr;
}

/// A task that begins outside the loop's run may come to a crash point at once.
void Process::start(loop::Task<void> task) {
  running_ = true;
  scheduler_.spawn(std::move(task));
  running_ = false;
  if (go_on()) wake();
}

/// After process code has run: buries the process if that was its end.
bool Process::go_on() {
  if (dying_) {
    world_.bury(*this);
  } else if (ended_) {
    ledger_->stop();
    world_.bury(*this);
  } else {
    return true;
  }
  return false;
}

void Process::wake() {
  if (dead() || ended_) return;
  plan_run(world_.timeline().now() + world_.wake_delay());
}

void Process::plan_run(Instant when) {
  when = std::max(when, frozen_until_);
  if (next_run_ && *next_run_ <= when) return;
  next_run_ = when;
  const std::weak_ptr<Process> weak = weak_from_this();
  world_.timeline().at(when, [weak, when] {
    const std::shared_ptr<Process> alive = weak.lock();
    if (alive && alive->next_run_ == when) {
      alive->next_run_.reset();
      alive->run();
    }
  });
}

void Process::stand_still(nanoseconds stop) {
  trace("stands still for {} ms", stop / 1ms);
  frozen_until_ = world_.timeline().now() + stop;
  world_.note_stall(stop);
}

void Process::connects() {
  if (stop_when_connecting_) stand_still(*std::exchange(stop_when_connecting_, std::nullopt));
}

void Process::run() {
  if (dead() || ended_) return;
  if (frozen_until_ > world_.timeline().now()) {
    plan_run(frozen_until_);
    return;
  }
  running_ = true;
  const std::optional<BootTime> again = scheduler_.run_due();
  running_ = false;
  if (!go_on()) return;
  if (outcome_due_) {
    outcome_due_ = false;
    if (reached(Point::OutcomeDelivered)) return;
  }
  if (again) plan_run(world_.host().instant(*again));
}

bool Process::about_to_die(Point point) {
  if (!crash_ || crash_->point != point || ledger_ == nullptr) return false;
  return crash_->passes-- <= 0;
}

bool Process::reached(Point point) {
  if (dead()) return true;
  if (!about_to_die(point)) return false;
  die(kPointNames[static_cast<std::size_t>(point)]);
  return true;
}

void Process::die(std::string_view how) {
  if (dead()) return;
  trace("DIES {}", how);
  disk_user_.dead = true;
  if (running_)
    dying_ = true;
  else
    world_.bury(*this);
}

void Process::shut_down(nanoseconds patience) {
  if (dead() || leaving_ || responder_ == std::nullopt) return;
  trace("shuts down");
  leaving_ = true;
  start(drain(patience));
}

loop::Task<void> Process::recover() {
  Result<void> recovered = co_await responder_->recover();
  if (!recovered && !dead() && recovered.error().status != Status::ShuttingDown)
    world_.witness().violate("everything ends in time", "recovery failed: " + recovered.error().message);
}

loop::Task<void> Process::drain(nanoseconds patience) {
  responder_->stop_sending();
  for (const auto &[wish, scope] : calls_) scope->cancel(Status::ShuttingDown);
  {
    loop::Scope patient(scheduler_, scheduler_.now() + patience);
    (void)co_await responder_->sending().wait_idle(patient);
  }
  responder_->end();
  loop::Scope no_limit(scheduler_);
  (void)co_await responder_->sending().wait_idle(no_limit);
  while (!calls_.empty()) (void)co_await loop::sleep_until(scheduler_.now() + milliseconds(1), no_limit);
  ended_ = true;
}

response::Intent Process::intent_of(const Wish &wish, std::string cancelled_action) {
  const defender::Operation &operation = *defender::Catalogue::instance().find(wish.operation);
  Json options = {{"priority", wish.priority}};
  if (!wish.key.empty()) options["idempotency_key"] = wish.key;
  if (!wish.request_id.empty()) options["request_id"] = wish.request_id;
  if (wish.force_new) options["force_new"] = true;
  if (wish.until_finished) options["until"] = "finished";
  if (wish.valid_for) options["valid_for_ms"] = std::chrono::duration_cast<milliseconds>(*wish.valid_for).count();
  Json request = {{"comment", wish.comment()}, {"options", std::move(options)}};
  if (!wish.machine.empty()) request["machine_id"] = wish.machine;
  if (!wish.sha1.empty()) request["sha1"] = wish.sha1;
  if (!wish.variant.empty()) request[wish.operation == "isolate" ? "isolation_type" : "scan_type"] = wish.variant;
  if (!cancelled_action.empty()) request["action_id"] = std::move(cancelled_action);
  const auto tenant = tenants_.at(static_cast<std::size_t>(wish.tenant));
  return std::move(response::Intent::make(operation, std::move(request), tenant).value());
}

void Process::act(const Wish &wish) {
  std::string cancelled = wish.cancels < 0 ? std::string() : world_.witness().action_of(wish.cancels);
  if (wish.cancels >= 0 && cancelled.empty()) return;  // nothing is known to cancel
  trace("wish {}: {} {} {} on {}", wish.number, wish.blocking ? "act" : "submit", wish.operation, wish.variant,
        wish.machine.substr(0, 6));
  world_.witness().asked(wish.number, world_.timeline().now());
  response::Intent intent = intent_of(wish, std::move(cancelled));
  if (wish.blocking)
    start(serve_act(wish, std::move(intent)));
  else
    start(serve_submit(wish, std::move(intent)));
}

loop::Task<void> Process::serve_act(Wish wish, response::Intent intent) {
  Call call(*this, wish.number, scheduler_.now() + wish.timeout);
  const BootTime deadline = *call.scope.deadline();
  const Result<response::Outcome> outcome = co_await responder_->act(std::move(intent), call.scope);
  if (dead()) co_return;
  world_.witness().told(wish, false, outcome);
  world_.witness().came_back(wish.number, scheduler_.now() - deadline - world_.stalled());
}

loop::Task<void> Process::serve_submit(Wish wish, response::Intent intent) {
  Call call(*this, -1, {});
  const Result<response::Outcome> outcome = co_await responder_->submit(std::move(intent), call.scope);
  if (!dead()) world_.witness().told(wish, true, outcome);
}

void Process::poll(const std::string &request_id, std::optional<nanoseconds> wait) {
  if (request_id.empty()) return;
  start(serve_poll(request_id, wait));
}

loop::Task<void> Process::serve_poll(std::string request_id, std::optional<nanoseconds> wait) {
  Call call(*this, -1, wait ? std::optional(scheduler_.now() + *wait) : std::nullopt);
  const Result<response::Outcome> outcome =
      co_await responder_->poll(request_id, tenants_.front(), std::nullopt, !wait, call.scope);
  if (!dead()) world_.witness().told_of_poll(request_id, outcome);
}

void Process::withdraw(const std::string &request_id) {
  if (request_id.empty()) return;
  start(serve_withdraw(request_id));
}

loop::Task<void> Process::serve_withdraw(std::string request_id) {
  Call call(*this, -1, {});
  const Result<void> withdrawn = co_await responder_->withdraw(RequestId::trusted(request_id), call.scope);
  if (dead()) co_return;
  trace("withdrawing {}: {}", request_id, withdrawn ? "done" : withdrawn.error().message);
  if (withdrawn) world_.witness().told_withdrawn(request_id);
}

void Process::hear() {
  if (dead() || ended_ || !recovering_) return;
  scheduler_.post([this] { responder_->look_at_others(); });
}

void Process::interrupt(int wish) {
  const auto call = calls_.find(wish);
  if (call == calls_.end()) return;
  trace("the call of wish {} is interrupted", wish);
  call->second->cancel(Status::Interrupted);
  wake();
}

}  // namespace cordon::simulation

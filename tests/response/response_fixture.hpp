#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "fake_service.hpp"
#include "ledger/sqlite_store.hpp"
#include "response/halt.hpp"
#include "response/responder.hpp"
#include "support/fake_clock.hpp"

namespace cordon::test {

/// What a test does to a ledger's executor.
struct DiskScript {
  int failures = 0;  ///< so many of the next jobs fail
  int after = 0;     ///< once so many have succeeded
  bool held = false;
  std::vector<std::shared_ptr<ledger::Job>> waiting;
  std::function<void()> release;  ///< runs what was held, in order
};

/// Runs each job at once on the test's thread, or fails or holds it when told so.
class InlineExecutor final : public ledger::Executor {
 public:
  explicit InlineExecutor(DiskScript &script) : script_(script) {}
  void start(ledger::BatchRunner &runner) override {
    runner_ = &runner;
    script_.release = [this] { release(script_, *runner_); };
  }
  bool submit(const std::shared_ptr<ledger::Job> &job) override {
    if (stopped_) return false;
    if (script_.failures > 0 && script_.after-- <= 0) {
      --script_.failures;
      job->fail(Error(Status::Ledger, "no space is left"));
      return false;
    }
    script_.waiting.push_back(job);
    if (!script_.held) script_.release();
    return true;
  }
  static void release(DiskScript &script, ledger::BatchRunner &runner) {
    while (!script.waiting.empty()) {
      ledger::Batch batch{std::move(script.waiting.front())};
      script.waiting.erase(script.waiting.begin());
      runner.run_batch(batch);
    }
  }
  void stop() noexcept override { stopped_ = true; }

 private:
  DiskScript &script_;
  ledger::BatchRunner *runner_ = nullptr;
  bool stopped_ = false;
};

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cordon-response-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory &) = delete;
  TempDirectory &operator=(const TempDirectory &) = delete;
  std::string state_dir() const { return path_ + "/state"; }

 private:
  std::string path_;
};

/// Has a token after `delay`.
class ReadySource final : public identity::TokenSource {
 public:
  explicit ReadySource(const nanoseconds &delay) : delay_(delay) {}
  loop::Task<Result<identity::SharedToken>> fetch(loop::Scope &scope) override {
    Result<void> waited = co_await loop::sleep_until(scope.scheduler().now() + delay_, scope);
    if (!waited) co_return fail(std::move(waited.error()));
    co_return identity::make_token(Secret("token"), 24 * 3600, scope.scheduler().now(),
                                   scope.scheduler().clock().utc());
  }
  std::string fingerprint() const override { return "fp"; }

 private:
  const nanoseconds &delay_;
};

/// One client's response layer over a real ledger file, as one process has it.
struct Process {
  Process(const std::string &state_dir, const Clock &clock, Random &random, ledger::QuotaWindows windows,
          std::shared_ptr<FakeService> known_service = nullptr)
      : scheduler(clock),
        shared_service(known_service ? std::move(known_service) : std::make_shared<FakeService>(clock)),
        service(*shared_service) {
    auto opened = ledger::StateDir::open(state_dir, random);
    if (!opened) throw std::runtime_error(opened.error().message);
    auto keyring = std::make_unique<ledger::Keyring>();
    auto store = ledger::SqliteStore::open(**opened, *keyring, clock, random);
    if (!store) throw std::runtime_error(store.error().message);
    (*opened)->end_opening();
    ledger = std::make_unique<ledger::Ledger>(std::move(*opened), nullptr, std::move(keyring), std::move(*store),
                                              std::make_unique<InlineExecutor>(disk), clock, random);
    ledger->attach(scheduler);
    if (!ledger->use_key(Secret(std::string(32, 'k')), "vault-1")) throw std::runtime_error("no key");
    const auto imported = ledger->run_blocking(ledger::Durability::Process,
                                               [](ledger::Tx &tx) { return tx.put_meta("imported/contoso", "yes"); });
    if (!imported) throw std::runtime_error(imported.error().message);
    tenant = std::make_shared<response::Tenant>();
    tenant->name = "contoso";
    tenant->tenant_id = "t";
    tenant->client_id = "c";
    tenant->cloud = defender::Cloud("custom", "https://api.example.test", "https://login.example.test", "a");
    tenant->tokens = std::make_shared<identity::TokenCache>(scheduler, std::make_unique<ReadySource>(token_delay));
    for (const auto &known : defender::Catalogue::instance().quota_classes()) tenant->quota[known.name] = windows;
    seams.emplace(scheduler, service, *ledger, random, log, defender::Catalogue::instance());
    response::Timing timing;
    responder.emplace(*seams, timing, [this](const std::string &) { return tenant; });
  }
  /// A crash: nothing is told to anybody.
  ~Process() {
    ledger->stop();
    scheduler.drop_tasks();
  }
  Process(const Process &) = delete;
  Process &operator=(const Process &) = delete;

  Log log;
  loop::Scheduler scheduler;
  DiskScript disk;
  nanoseconds token_delay{0};
  std::unique_ptr<ledger::Ledger> ledger;
  std::shared_ptr<FakeService> shared_service;
  FakeService &service;
  std::shared_ptr<response::Tenant> tenant;
  std::optional<response::Seams> seams;
  std::optional<response::Responder> responder;
};

/// One caller, and what it was told.
struct Caller {
  Caller(loop::Scheduler &scheduler, std::optional<BootTime> deadline) : scope(scheduler, deadline) {}
  loop::Scope scope;
  std::optional<Result<response::Outcome>> got;

  std::string status() const {
    if (!got) return "waiting";
    return status_name(*got ? (**got).status : got->error().status);
  }
  std::string state() const { return got && *got ? text_or((**got).document, "state") : ""; }
  std::string request_id() const {
    if (!got) return "";
    return *got ? text_or((**got).document, "request_id") : got->error().request_id;
  }
  std::string message() const { return got && !*got ? got->error().message : ""; }
};

class ResponseTest : public ::testing::Test {
 protected:
  ResponseTest() { begin_process(); }

  void begin_process() {
    process.reset();
    callers.clear();
    process = std::make_unique<Process>(directory.state_dir(), clock, random, windows);
  }
  response::Responder &responder() { return *process->responder; }
  FakeService &service() { return process->service; }
  /// How the service treats the next POST that has no step yet.
  PostStep &next() { return service().script.emplace_back(); }

  static std::string machine(char digit = 'a') { return std::string(40, digit); }

  response::Intent intent(const std::string &device, Json options = Json::object(),
                          const char *operation = "restrict_code_execution") const {
    const defender::Operation &known = *defender::Catalogue::instance().find(operation);
    Json request = {{"machine_id", device}, {"comment", "test"}};
    if (known.name == "run_antivirus_scan") request["scan_type"] = "Quick";
    if (!options.empty()) request["options"] = std::move(options);
    auto made = response::Intent::make(known, known.check(request).value(), process->tenant);
    return std::move(made.value());
  }
  Caller &caller(std::optional<nanoseconds> patience) {
    auto deadline = patience ? std::optional(clock.now() + *patience) : std::nullopt;
    return *callers.emplace_back(std::make_unique<Caller>(process->scheduler, deadline));
  }
  Caller &act(response::Intent wish, nanoseconds patience = std::chrono::seconds(60)) {
    Caller &c = caller(patience);
    process->scheduler.spawn(act_for(responder(), std::move(wish), c));
    return c;
  }
  Caller &act_and_run(response::Intent wish) {
    Caller &c = act(std::move(wish));
    run_for(std::chrono::seconds(1));
    return c;
  }
  void halt(const std::string &scope, const std::string &reason) {
    response::Halt halt;
    halt.scope = scope;
    halt.reason = reason;
    halt.since = clock.utc();
    const auto put = process->ledger->run_blocking(ledger::Durability::Full,
                                                   [&](ledger::Tx &tx) { return response::put_halt(tx, halt); });
    ASSERT_TRUE(put);
  }
  void resume(const std::string &scope) {
    const auto lifted = process->ledger->run_blocking(
        ledger::Durability::Full, [&](ledger::Tx &tx) { return response::lift_halt(tx, scope, "", "", clock.utc()); });
    ASSERT_TRUE(lifted);
  }
  Caller &submit(response::Intent wish) {
    Caller &c = caller(std::nullopt);
    process->scheduler.spawn(submit_for(responder(), std::move(wish), c));
    run();
    return c;
  }
  Caller &poll(const std::string &id, std::optional<nanoseconds> patience = {}) {
    Caller &c = caller(patience);
    process->scheduler.spawn(poll_for(responder(), id, process->tenant, !patience, c));
    if (!patience) run();
    return c;
  }
  Result<void> withdraw(const std::string &id) {
    Caller &c = caller(std::nullopt);
    std::optional<Result<void>> done;
    process->scheduler.spawn(withdraw_for(responder(), RequestId::trusted(id), c, done));
    run();
    if (!done) return fail(Status::Internal, "withdraw hangs");
    return *done;
  }
  void recover() {
    process->scheduler.spawn(recover_for(responder()));
    run();
  }
  int slots_in_use() {
    const auto usage = process->ledger->run_blocking(ledger::Durability::Read, [&](ledger::Tx &tx) {
      return tx.quota_usage(process->tenant->quota_key("restrict"), windows, clock.now());
    });
    return usage.value().windows[0].used;
  }
  std::string state_of(const std::string &id) { return poll(id).state(); }

  /// Everything that can happen now.
  void run() { run_for(nanoseconds(0)); }
  /// Lets virtual time pass, timer by timer.
  void run_for(nanoseconds time) {
    const BootTime end = clock.now() + time;
    while (const auto next = process->scheduler.run_due()) {
      if (*next > end) break;
      if (*next > clock.now()) clock.advance(*next - clock.now());
    }
    if (clock.now() < end) clock.advance(end - clock.now());
    process->scheduler.run_due();
  }

  static loop::Task<void> act_for(response::Responder &responder, response::Intent wish, Caller &c) {
    c.got = co_await responder.act(std::move(wish), c.scope);
  }
  static loop::Task<void> submit_for(response::Responder &responder, response::Intent wish, Caller &c) {
    c.got = co_await responder.submit(std::move(wish), c.scope);
  }
  static loop::Task<void> poll_for(response::Responder &responder, std::string id,
                                   std::shared_ptr<response::Tenant> tenant, bool known_now, Caller &c) {
    c.got = co_await responder.poll(std::move(id), std::move(tenant), std::nullopt, known_now, c.scope);
  }
  static loop::Task<void> withdraw_for(response::Responder &responder, RequestId id, Caller &c,
                                       std::optional<Result<void>> &done) {
    done = co_await responder.withdraw(std::move(id), c.scope);
  }
  static loop::Task<void> recover_for(response::Responder &responder) { (void)co_await responder.recover(); }

  TempDirectory directory;
  FakeClock clock;
  SystemRandom random;
  ledger::QuotaWindows windows{{100, std::chrono::seconds(60)}};
  std::unique_ptr<Process> process;
  std::vector<std::unique_ptr<Caller>> callers;
};

}  // namespace cordon::test

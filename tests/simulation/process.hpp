#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crash.hpp"
#include "disk.hpp"
#include "identity/client_secret.hpp"
#include "ledger/sqlite_store.hpp"
#include "network.hpp"
#include "plugin/ledger_token_store.hpp"
#include "response/responder.hpp"
#include "timeline.hpp"
#include "trace.hpp"
#include "wish.hpp"

namespace cordon::simulation {

class World;

/// Runs a process's batches as events of the timeline, on a disk that is slow now and then.
class EventExecutor final : public ledger::Executor {
 public:
  EventExecutor(World &world, Process &process) : world_(world), process_(process) {}
  void start(ledger::BatchRunner &runner) override { runner_ = &runner; }
  bool submit(const std::shared_ptr<ledger::Job> &job) override;
  void stop() noexcept override;
  /// Until told otherwise every job is done at once.
  void take_time(bool take) { at_once_ = !take; }

 private:
  void run();
  void run_now();

  World &world_;
  Process &process_;
  ledger::BatchRunner *runner_ = nullptr;
  ledger::Batch waiting_;
  bool at_once_ = true;
  bool planned_ = false;
  bool stopped_ = false;
};

/// When and where a process dies.
struct CrashPlan {
  Point point = Point::SendBegin;
  int passes = 0;  ///< so often it survives the point
};

/// One process with one client of the library, from its start to its end: as Runtime puts it together, but on the
/// timeline.
class Process : public std::enable_shared_from_this<Process> {
 public:
  Process(World &world, int number, std::uint64_t seed);
  /// It is dead: its frames and parts go without anybody being told.
  ~Process();
  Process(const Process &) = delete;
  Process &operator=(const Process &) = delete;

  /// Opens the ledger and takes over what is unfinished. Once, before anything else.
  void boot();
  /// Lets the loop run as soon as it can.
  void wake();
  /// It gets no processor time for so long.
  void stand_still(nanoseconds stop);
  /// The same, as soon as it connects to the service.
  void stand_still_when_connecting(nanoseconds stop) { stop_when_connecting_ = stop; }
  /// It is about to connect.
  void connects();
  Instant frozen_until() const { return frozen_until_; }

  void set_crash(std::optional<CrashPlan> plan) { crash_ = plan; }
  /// The process has come to `point`. True: it dies here, now or as soon as its loop has returned.
  bool reached(Point point);
  /// The same, but the process goes on for now.
  bool about_to_die(Point point);
  void die(std::string_view how);
  bool dead() const { return disk_user_.dead; }
  /// The orderly end: withdraws what is not sent, waits for what is on the wire, leaves the rest to the ledger.
  void shut_down(nanoseconds patience);
  bool leaving() const { return leaving_; }
  bool ended() const { return ended_; }
  /// From now on the ledger does everything at once.
  void disk_at_once() { executor_->take_time(false); }
  void outcome_is_due() { outcome_due_ = true; }

  void act(const Wish &wish);
  void submit(const Wish &wish);
  void poll(const std::string &request_id, std::optional<nanoseconds> wait);
  void withdraw(const std::string &request_id);
  void interrupt(int wish);
  /// Another client of the ledger has rung the bell, or has gone.
  void hear();

  loop::Scheduler &scheduler() { return scheduler_; }
  ledger::Ledger &ledger() { return *ledger_; }
  DiskUser &disk_user() { return disk_user_; }
  World &world() { return world_; }
  int number() const { return number_; }
  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args &&...args) {
    if (trace_.wanted()) trace_.line("p{}: {}", number_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  struct Call;
  void start(loop::Task<void> task);
  bool go_on();
  void run();
  void plan_run(Instant when);
  void make_tenants();
  response::Intent intent_of(const Wish &wish, std::string cancelled_action);
  std::shared_ptr<response::Tenant> tenant_named(const std::string &name) const;
  loop::Task<void> serve_act(Wish wish, response::Intent intent);
  loop::Task<void> serve_submit(Wish wish, response::Intent intent);
  loop::Task<void> serve_poll(std::string request_id, std::optional<nanoseconds> wait);
  loop::Task<void> serve_withdraw(std::string request_id);
  loop::Task<void> recover();
  loop::Task<void> drain(nanoseconds patience);

  World &world_;
  Trace &trace_;
  int number_;
  emulator::SeededRandom random_;
  emulator::SeededRandom sealing_;  ///< bytes that nobody sees
  DiskUser disk_user_;
  Log log_;
  loop::Scheduler scheduler_;
  std::unique_ptr<ledger::Ledger> ledger_;
  EventExecutor *executor_ = nullptr;  // the ledger's
  Wire wire_;
  std::optional<plugin::LedgerTokenStore> tokens_;
  std::vector<std::shared_ptr<response::Tenant>> tenants_;
  std::optional<response::Seams> seams_;
  std::optional<response::Responder> responder_;
  std::map<int, loop::Scope *> calls_;  // of wishes that wait
  std::optional<CrashPlan> crash_;
  Instant frozen_until_{0};
  std::optional<nanoseconds> stop_when_connecting_;
  bool running_ = false;
  bool dying_ = false;        ///< dead, and its loop is still on the stack
  bool outcome_due_ = false;  ///< a batch was done; those who wait for it go on in the next run
  bool recovering_ = false;   ///< it has begun to look at what others left
  bool leaving_ = false;
  bool ended_ = false;
  std::optional<Instant> next_run_;
};

}  // namespace cordon::simulation

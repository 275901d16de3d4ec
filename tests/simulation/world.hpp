#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "disk.hpp"
#include "emulator/service.hpp"
#include "network.hpp"
#include "process.hpp"
#include "timeline.hpp"
#include "trace.hpp"
#include "witness.hpp"
#include "workload.hpp"

namespace cordon::simulation {

/// One virtual hour of several processes on one host and one service, decided by a seed: who wants what when, how long
/// everything takes, what goes wrong, who dies where. The same seed gives the same hour.
class World {
 public:
  /// `fresh`: the disk with a new ledger, made by make_fresh_disk(). Worlds of one program follow each other.
  World(std::uint64_t seed, const Disk::Image &fresh, bool trace);
  ~World();
  World(const World &) = delete;
  World &operator=(const World &) = delete;

  /// Lets the hour pass. nullopt: every promise was kept.
  std::optional<Violation> run();

  /// A disk with a new ledger that has its key; the same each time.
  static Disk::Image make_fresh_disk();
  /// The journal's head is a plain file, in memory too; each worker has its own.
  static const std::string &head_path();
  static Secret wrapping_key() { return Secret(std::string(32, 'k')); }
  static constexpr const char *kVault = "vault-1";

  Result<std::unique_ptr<ledger::Ledger>> open_ledger(Process &process, Random &random,
                                                      std::unique_ptr<ledger::Executor> executor);
  /// The process is dead or has ended: it goes, and another one takes its place some time later.
  void bury(Process &process);

  Timeline &timeline() { return timeline_; }
  HostClock &host() { return host_; }
  Disk &disk() { return disk_; }
  Trace &trace() { return trace_; }
  Witness &witness() { return witness_; }
  Network &network() { return network_; }
  emulator::Service &service() { return service_; }
  emulator::SeededRandom &chance() { return chance_; }
  const ledger::QuotaWindows &quota() const { return quota_; }
  milliseconds track_interval() const { return track_interval_; }
  milliseconds look_interval() const { return look_interval_; }
  nanoseconds disk_delay();
  nanoseconds wake_delay();
  /// For how long processes have stood still.
  nanoseconds stalled() const { return stalled_; }
  void note_stall(nanoseconds stop) { stalled_ += stop; }
  std::uint64_t steps() const { return timeline_.steps(); }
  /// Faults that have struck, on the way and at the service.
  std::uint64_t faults();
  int crashes() const { return crashes_; }

 private:
  void plan();
  void plan_faults();
  void plan_crashes();
  void arm_fault();
  void start_process(int number);
  void spread(int from);
  void remember_head();
  void lose_power();
  /// Runs `job` with the process of that number, once it runs and is not frozen.
  void with_process(int number, std::function<void(Process &)> job);
  void calm_down();
  void judge();

  std::uint64_t seed_;
  emulator::SeededRandom chance_;
  Timeline timeline_;
  Trace trace_;
  TrueClock truth_;
  HostClock host_;
  Disk disk_;
  Witness witness_;
  emulator::SeededRandom key_source_;
  ledger::QuotaWindows quota_;
  bool echoes_ = true;
  emulator::Service service_;
  Network network_;
  milliseconds track_interval_;
  milliseconds look_interval_;    ///< at the other clients, even when nothing is heard
  std::set<std::string> living_;  ///< clients of the ledger
  std::vector<std::shared_ptr<Process>> processes_;
  std::vector<std::optional<CrashPlan>> crash_plans_;  ///< of each process, for its next life
  std::string head_before_;                            ///< the journal's head some time before the loss of power
  Instant host_up_{0};                                 ///< until then no process can start
  nanoseconds stalled_{0};
  nanoseconds jumped_{0};
  std::uint64_t armed_ = 0;   ///< faults of the service, as often as they were to strike
  std::uint64_t struck_ = 0;  ///< of these, when calm came
  bool slow_disk_ = false;
  bool calm_ = false;
  int crashes_ = 0;
  int lives_ = 0;
  int boots_ = 1;
};

}  // namespace cordon::simulation

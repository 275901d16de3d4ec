// What happens in a world's hour, and when: who wants what, who dies where, what goes wrong.
#include <iterator>

#include "world.hpp"

namespace cordon::simulation {
namespace {

using namespace std::chrono_literals;
using emulator::FaultKind;

constexpr Instant kBusy = 38min;  ///< wishes come until then
constexpr Instant kCalm = 43min;  ///< from here on nothing goes wrong any more
constexpr std::uint64_t kFaultsAtLeast = 5;

constexpr FaultKind kFaultKinds[] = {FaultKind::DropBefore, FaultKind::DropAfter,   FaultKind::ErrorBefore,
                                     FaultKind::ErrorAfter, FaultKind::Html,        FaultKind::Garbage,
                                     FaultKind::Slow,       FaultKind::ExpireToken, FaultKind::WrongMachine,
                                     FaultKind::ErrorAfter, FaultKind::DropAfter};

}  // namespace

void World::plan() {
  Targets targets;
  targets.processes = chance_.chance(0.25) ? 4 : 3;
  targets.busy = kBusy;
  for (const emulator::TenantRecord &tenant : service_.directory().tenants) {
    const emulator::MadeFleet &made = service_.fleet(tenant.tenant_id);
    Targets::Tenant target;
    target.name = tenant.name;
    const std::string &shared = made.fleet.find_by_name("shared")->id;
    target.machines = {shared, shared, made.cast.online, made.cast.server, made.cast.fails};
    if (chance_.chance(0.25)) target.machines.push_back(made.cast.offline);
    if (chance_.chance(0.5)) target.machines.push_back(made.cast.slow);
    if (chance_.chance(0.3)) target.machines.push_back(made.cast.linux_host);
    target.files = {made.files.front(), made.files.back()};
    targets.tenants.push_back(std::move(target));
  }
  processes_.resize(static_cast<std::size_t>(targets.processes));
  crash_plans_.resize(processes_.size());
  plan_crashes();
  plan_faults();
  for (int number = 0; number < targets.processes; ++number)
    timeline_.at(chance_.between(0s, 3s), [this, number] { start_process(number); });

  Workload work = make_workload(targets, chance_);
  for (const Wish &wish : work.wishes) {
    witness_.wished(wish);
    timeline_.at(wish.at,
                 [this, wish] { with_process(wish.process, [wish](Process &process) { process.act(wish); }); });
  }
  for (const FollowUp &next : work.follow_ups)
    timeline_.at(next.at, [this, next] {
      with_process(next.process, [this, next](Process &process) {
        const std::string &request = witness_.request_of(next.wish);
        switch (next.kind) {
          case FollowUp::Kind::Interrupt:
            return process.interrupt(next.wish);
          case FollowUp::Kind::Withdraw:
            return process.withdraw(request);
          case FollowUp::Kind::Poll:
            return process.poll(request, next.wait);
          case FollowUp::Kind::Glance:
            return process.poll(request, std::nullopt);
        }
      });
    });
}

void World::plan_crashes() {
  const auto number = [this] { return chance_.below(processes_.size()); };
  const int crashes = 1 + static_cast<int>(chance_.below(3));
  for (int i = 0; i < crashes; ++i) {
    CrashPlan plan;
    plan.point = static_cast<Point>(chance_.below(kPoints));
    plan.passes = static_cast<int>(chance_.below(plan.point == Point::SendBegin ? 12 : 25));
    crash_plans_[number()] = plan;
  }
  // Whoever has not got to his point by then dies anyway: no hour without a crash.
  timeline_.at(chance_.between(15min, kBusy), [this, number] {
    if (crashes_ > 0) return;
    if (const auto victim = processes_[number()]) victim->die("at some moment");
  });
  if (chance_.chance(0.2)) {
    disk_.remember_unsynced(true);
    const Instant loss = chance_.between(1min, kBusy);
    timeline_.at(chance_.between(0s, loss), [this] { remember_head(); });
    timeline_.at(loss, [this] { lose_power(); });
  }
  if (chance_.chance(0.3)) {
    const nanoseconds patience = chance_.between(0s, 20s);
    timeline_.at(chance_.between(1min, kBusy), [this, number, patience] {
      if (const auto process = processes_[number()]; process && process->frozen_until() <= timeline_.now())
        process->shut_down(patience);
    });
  }
  for (std::uint64_t i = chance_.below(3); i > 0; --i)
    timeline_.at(chance_.between(1min, kBusy), [this, number] {
      const nanoseconds stop = chance_.between(100ms, 90s);
      const bool on_the_way = chance_.chance(0.5);
      if (const auto process = processes_[number()])
        on_the_way ? process->stand_still_when_connecting(stop) : process->stand_still(stop);
    });
}

void World::plan_faults() {
  const double weather = static_cast<double>(chance_.below(5)) * 0.02;
  network_.set_trouble(weather);
  for (std::uint64_t storms = chance_.below(3); storms > 0; --storms) {
    const Instant from = chance_.between(1min, kBusy);
    timeline_.at(from, [this] { network_.set_trouble(0.5); });
    timeline_.at(from + chance_.between(2s, 90s), [this, weather] {
      if (!calm_) network_.set_trouble(weather);
    });
  }
  for (std::uint64_t faults = 5 + chance_.below(8); faults > 0; --faults)
    timeline_.at(chance_.between(0s, kBusy), [this] { arm_fault(); });
  // No hour without some faults: what has not happened by then happens to the requests that follow.
  timeline_.at(chance_.between(5min, 20min), [this] {
    if (faults() < kFaultsAtLeast) network_.owe(kFaultsAtLeast - faults());
  });
  if (chance_.chance(0.3)) {
    const Instant from = chance_.between(1min, kBusy);
    timeline_.at(from, [this] { slow_disk_ = true; });
    timeline_.at(from + chance_.between(5s, 120s), [this] { slow_disk_ = false; });
  }
  for (std::uint64_t jumps = chance_.below(3); jumps > 0; --jumps)
    timeline_.at(chance_.between(1min, kBusy), [this] {
      const nanoseconds before = host_.utc_error();
      const nanoseconds size = chance_.chance(0.5) ? nanoseconds(2min) : nanoseconds(3h);
      host_.set_utc_error(chance_.between(0s, 2 * size) - size);
      const nanoseconds jump = std::chrono::abs(host_.utc_error() - before);
      jumped_ += jump;
      if (boots_ > 1) witness_.allow_late(jump);
      trace_.line("the host's UTC is set {} s off", host_.utc_error() / 1s);
    });
  timeline_.at(kCalm, [this] { calm_down(); });
}

void World::arm_fault() {
  emulator::Fault fault{.endpoint = chance_.chance(0.6)   ? "POST /api/*"
                                    : chance_.chance(0.8) ? "GET *"
                                                          : "*",
                        .kind = kFaultKinds[chance_.below(std::size(kFaultKinds))]};
  // A read that names another device would be a lie that nobody could see through.
  if (fault.kind == FaultKind::WrongMachine) fault.endpoint = "POST /api/machines/*";
  fault.seconds = static_cast<int>(chance_.chance(0.5) ? chance_.below(20) : chance_.below(100));
  fault.times = 1 + static_cast<long>(chance_.below(3));
  trace_.line("the service will fail: {}", dump(fault.to_json()));
  armed_ += static_cast<std::uint64_t>(*fault.times);
  service_.faults().arm(fault);
}

}  // namespace cordon::simulation

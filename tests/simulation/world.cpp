#include "world.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace cordon::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Instant kEnd = 60min;
constexpr double kUnheard = 0.01;  // strokes of the bell
constexpr std::uint64_t kTooManySteps = 1'000'000;

/// Does each job at once.
class OneAtATime final : public ledger::Executor {
 public:
  void start(ledger::BatchRunner &runner) override { runner_ = &runner; }
  bool submit(const std::shared_ptr<ledger::Job> &job) override {
    ledger::Batch batch{job};
    runner_->run_batch(batch);
    return true;
  }
  void stop() noexcept override {}

 private:
  ledger::BatchRunner *runner_ = nullptr;
};

/// Who has the ledger open: as long as this lives, its name is among the living.
class Company final : public ledger::Peers {
 public:
  Company(std::set<std::string> &living, std::string self, std::function<void()> ring)
      : living_(living), self_(std::move(self)), ring_(std::move(ring)) {
    living_.insert(self_);
  }
  ~Company() override { living_.erase(self_); }
  Company(const Company &) = delete;
  Company &operator=(const Company &) = delete;
  const std::string &self() const noexcept override { return self_; }
  bool is_alive(std::string_view client) const override { return living_.contains(std::string(client)); }
  void ring() noexcept override {
    if (ring_) ring_();
  }
  void close_after_fork() noexcept override {}

 private:
  std::set<std::string> &living_;
  std::string self_;
  std::function<void()> ring_;
};

/// A ledger on a simulated disk.
Result<std::unique_ptr<ledger::Ledger>> open_on(Disk &disk, DiskUser &user, std::unique_ptr<ledger::Peers> peers,
                                                std::unique_ptr<ledger::Executor> executor, const Clock &clock,
                                                Random &random) {
  disk.use(&user);
  auto db = ledger::Database::open("/ledger.db", Disk::kName);
  if (!db) return tl::unexpected(std::move(db.error()));
  auto head = ledger::HeadFile::open(World::head_path());
  if (!head) return tl::unexpected(std::move(head.error()));
  auto keyring = std::make_unique<ledger::Keyring>();
  auto store = ledger::SqliteStore::open(std::move(*db), std::move(*head), *peers, *keyring, clock, random);
  if (!store) return tl::unexpected(std::move(store.error()));
  return std::make_unique<ledger::Ledger>(std::move(peers), nullptr, std::move(keyring), std::move(*store),
                                          std::move(executor), clock, random);
}

ledger::QuotaWindows choose_quota(emulator::SeededRandom &chance) {
  if (chance.chance(0.5)) return {{100, 60s}, {1500, 3600s}};
  if (chance.chance(0.5)) return {{4, 20s}, {900, 3600s}};
  return {{10, 60s}, {700, 3600s}};
}

std::string read_head() {
  std::ifstream file(World::head_path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_head(const std::string &content) {
  if (!content.empty()) std::ofstream(World::head_path(), std::ios::binary | std::ios::trunc) << content;
}

/// Mostly long ones: a look is what costs the most here, and shows nothing that the one before did not.
milliseconds choose_interval(emulator::SeededRandom &chance) {
  if (chance.chance(0.15)) return 15s;
  return chance.chance(0.5) ? 60s : 120s;
}

emulator::QuotaLimits limits_of(const ledger::QuotaWindows &windows) {
  emulator::QuotaLimits limits;
  for (const ledger::QuotaWindow &window : windows)
    limits.push_back(
        {static_cast<std::size_t>(window.limit), std::chrono::duration_cast<std::chrono::seconds>(window.length)});
  return limits;
}

/// The service as it is in this world; what the documents leave open is left to chance.
emulator::Scenario make_scenario(std::uint64_t seed, const ledger::QuotaWindows &quota, bool echoes,
                                 emulator::SeededRandom &chance) {
  using emulator::DuplicateMode;
  emulator::Scenario scenario = emulator::Scenario::usual(seed);
  if (chance.chance(0.4)) {
    emulator::TenantRecord second{.name = "fabrikam", .tenant_id = chance.uuid(), .domain = "fabrikam.example"};
    emulator::App app = scenario.directory.apps.front();
    app.tenant_id = second.tenant_id;
    app.client_id = chance.uuid();
    scenario.directory.tenants.push_back(std::move(second));
    scenario.directory.apps.push_back(std::move(app));
  }
  const std::string shared = chance.hex(40);
  for (const emulator::TenantRecord &tenant : scenario.directory.tenants)
    scenario.machines.push_back({tenant.tenant_id, "shared", Json{{"name", "shared"}, {"id", shared}}});
  for (int i = 0; i < 2; ++i) {
    emulator::FileRecord file;
    file.sha1 = chance.hex(40);
    scenario.files.push_back(std::move(file));
  }
  scenario.quota.usual = limits_of(quota);
  scenario.quota.by_endpoint.clear();
  scenario.knobs.echo_external_id = echoes;
  if (!echoes) scenario.knobs.echo_comment_bytes = chance.chance(0.5) ? 0 : 4;
  if (echoes && chance.chance(0.15)) scenario.knobs.echo_external_id = false;
  scenario.knobs.reorder_completions = chance.chance(0.3);
  constexpr DuplicateMode kModes[] = {DuplicateMode::ReturnExisting, DuplicateMode::Reject, DuplicateMode::NewStuck,
                                      DuplicateMode::Random};
  if (chance.chance(0.6)) {
    const DuplicateMode mode = kModes[chance.below(std::size(kModes))];
    for (const emulator::ActionKind &kind : emulator::action_kinds())
      scenario.knobs.duplicates[std::string(kind.type)] = mode;
  }
  if (chance.chance(0.6)) scenario.timings.visibility_delay = {0s, chance.chance(0.5) ? 30s : 5s};
  scenario.timings.slow_duration = 7min;
  if (chance.chance(0.3)) scenario.timings.token_lifetime = std::chrono::seconds(400 + chance.below(900));
  return scenario;
}

}  // namespace

const std::string &World::head_path() {
  static const std::string path = [] {
    const std::filesystem::path memory = "/dev/shm";
    const auto base = std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
    return (base / fmt::format("cordon-simulation-{}.head", ::getpid())).string();
  }();
  return path;
}

World::World(std::uint64_t seed, const Disk::Image &fresh, bool trace)
    : seed_(seed),
      chance_(seed * 0x9e3779b97f4a7c15u + 1),
      trace_(timeline_, trace),
      truth_(timeline_),
      host_(timeline_, chance_.between(10s, 24h * 100), chance_.chance(0.5) ? 0ns : chance_.between(0s, 4h) - 2h),
      disk_(fresh),
      witness_(timeline_, trace_),
      key_source_(seed + 7),
      quota_(choose_quota(chance_)),
      echoes_(chance_.chance(0.85)),
      service_(make_scenario(seed, quota_, echoes_, chance_), truth_, key_source_, {.seed = seed, .machines = 0}),
      network_(timeline_, service_, witness_, trace_, seed * 31 + 5),
      track_interval_(choose_interval(chance_)),
      look_interval_(chance_.chance(0.15) ? 30'000 : 300'000) {
  std::filesystem::remove(head_path());
  witness_.set_echoes(echoes_);
  plan();
}

World::~World() {
  for (auto &process : processes_) process.reset();
  std::filesystem::remove(head_path());
}

nanoseconds World::disk_delay() {
  if (slow_disk_) return chance_.between(5ms, 1500ms);
  return chance_.chance(0.03) ? chance_.between(1ms, 60ms) : chance_.between(100us, 700us);
}

nanoseconds World::wake_delay() {
  return chance_.chance(0.02) ? chance_.between(1ms, 200ms) : chance_.between(0us, 100us);
}

std::uint64_t World::faults() {
  std::uint64_t armed = 0;
  for (const emulator::Fault &fault : service_.faults().armed()) armed += static_cast<std::uint64_t>(*fault.times);
  return network_.faults() + (calm_ ? struck_ : armed_ - armed);
}

void World::calm_down() {
  struck_ = faults() - network_.faults();
  calm_ = true;
  network_.set_trouble(0);
  service_.faults().clear();
  slow_disk_ = false;
  for (std::optional<CrashPlan> &plan : crash_plans_) plan.reset();
  for (const auto &process : processes_)
    if (process) process->set_crash(std::nullopt);
  trace_.line("calm");
}

void World::with_process(int number, std::function<void(Process &)> job) {
  const std::shared_ptr<Process> process = processes_[static_cast<std::size_t>(number)];
  const bool ready = process && !process->dead() && !process->ended() && !process->leaving();
  if (ready && process->frozen_until() <= timeline_.now()) return job(*process);
  const Instant again = ready ? process->frozen_until() : timeline_.now() + 5s;
  timeline_.at(again, [this, number, job = std::move(job)]() mutable { with_process(number, std::move(job)); });
}

void World::start_process(int number) {
  auto &place = processes_[static_cast<std::size_t>(number)];
  if (place) return;
  if (timeline_.now() < host_up_) {
    timeline_.at(host_up_ + chance_.between(0s, 20s), [this, number] { start_process(number); });
    return;
  }
  place = std::make_shared<Process>(*this, number, seed_ * 1'000'003 + static_cast<std::uint64_t>(++lives_));
  if (!calm_) place->set_crash(std::exchange(crash_plans_[static_cast<std::size_t>(number)], std::nullopt));
  const std::shared_ptr<Process> process = place;
  process->boot();
}

void World::bury(Process &process) {
  auto &place = processes_[static_cast<std::size_t>(process.number())];
  if (place.get() != &process) return;
  if (process.dead()) ++crashes_;
  const int number = process.number();
  timeline_.in(chance_.chance(0.5) ? chance_.between(100ms, 5s) : chance_.between(5s, 8min),
               [this, number] { start_process(number); });
  // Whoever is on the stack below may still hold it.
  place.reset();
  spread(number);
}

void World::remember_head() {
  head_before_ = read_head();
}

void World::lose_power() {
  trace_.line("THE HOST LOSES ITS POWER");
  std::vector<std::shared_ptr<Process>> dead;
  for (const auto &process : processes_)
    if (process) dead.push_back(process);
  for (const auto &process : dead) process->die("with its host");
  dead.clear();
  disk_.lose_power(chance_);
  if (chance_.chance(0.5)) write_head(head_before_);  // it was not synced
  host_.reboot(fmt::format("boot-{}", ++boots_), 0s);
  // The slots of the last reads are lost with the power, for only a POST's is synced; by the time a host is up again,
  // their minute is over.
  host_up_ = timeline_.now() + chance_.between(60s, 4min);
  // Across a reboot a request's time is known by the host's UTC alone.
  witness_.allow_late(jumped_);
}

Disk::Image World::make_fresh_disk() {
  const Timeline timeline;
  const TrueClock clock(timeline);
  emulator::SeededRandom random(1);
  Disk disk;
  DiskUser user;
  std::set<std::string> living;
  {
    auto ledger = open_on(disk, user, std::make_unique<Company>(living, make_request_id(random).str(), nullptr),
                          std::make_unique<OneAtATime>(), clock, random);
    if (auto keyed = ledger.value()->use_key(wrapping_key(), kVault); !keyed)
      throw std::runtime_error(keyed.error().message);
  }
  return disk.image();
}

Result<std::unique_ptr<ledger::Ledger>> World::open_ledger(Process &process, Random &random,
                                                           std::unique_ptr<ledger::Executor> executor) {
  const int number = process.number();
  auto company = std::make_unique<Company>(living_, make_request_id(random).str(), [this, number] { spread(number); });
  return open_on(disk_, process.disk_user(), std::move(company), std::move(executor), host_, random);
}

/// The others hear of news soon.
void World::spread(int from) {
  for (int number = 0; number < static_cast<int>(processes_.size()); ++number) {
    if (number == from || !processes_[static_cast<std::size_t>(number)] || chance_.chance(kUnheard)) continue;
    timeline_.in(chance_.between(10us, 500us), [this, number] {
      if (const auto process = processes_[static_cast<std::size_t>(number)]) process->hear();
    });
  }
}

std::optional<Violation> World::run() {
  while (!witness_.violation() && timeline_.step(kEnd))
    if (timeline_.steps() > kTooManySteps)
      witness_.violate("everything ends in time", "the world goes round in circles");
  if (!witness_.violation()) judge();
  return witness_.violation();
}

void World::judge() {
  for (const auto &process : processes_)
    if (!process) return witness_.violate("everything ends in time", "a process does not start again");
  ledger::Ledger &ledger = processes_.front()->ledger();
  processes_.front()->disk_at_once();
  std::vector<ledger::RequestRow> rows;
  const auto read = ledger.run_blocking(ledger::Durability::Read, [&](ledger::Tx &tx) -> Result<void> {
    ledger::RequestQuery query;
    return tx.requests(query).map([&](std::vector<ledger::RequestRow> all) { rows = std::move(all); });
  });
  if (!read) return witness_.violate("the ledger can be read", read.error().message);
  const auto chain = ledger.verify_blocking();
  if (!chain) return witness_.violate("the journal is whole", chain.error().message);
  if (!chain->intact()) witness_.violate("the journal is whole", chain->damage);
  witness_.judge(rows);
}

}  // namespace cordon::simulation

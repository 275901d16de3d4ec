#include <malloc.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "base/text.hpp"
#include "world.hpp"

namespace cordon::simulation {
namespace {

constexpr std::size_t kLastLines = 60;

struct Settings {
  std::uint64_t from = 1;
  std::uint64_t count = 1000;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  std::optional<std::uint64_t> seed;
  bool trace = false;
};

/// What a worker tells its parent.
struct Tally {
  std::uint64_t seeds = 0;
  std::uint64_t steps = 0;
  std::uint64_t faults = 0;
  std::uint64_t crashes = 0;
  std::uint64_t failed = 0;  ///< the smallest seed that failed; 0: none
};

void print(const Trace &trace, std::size_t last) {
  const auto &lines = trace.lines();
  for (std::size_t i = lines.size() > last ? lines.size() - last : 0; i < lines.size(); ++i)
    std::printf("%s\n", lines[i].c_str());
}

/// Runs the seed again and says what went wrong.
int explain(std::uint64_t seed, const Disk::Image &fresh, std::size_t lines) {
  World world(seed, fresh, true);
  const std::optional<Violation> violation = world.run();
  print(world.trace(), lines);
  if (violation)
    std::printf("seed %llu: broken: %s: %s\n", static_cast<unsigned long long>(seed), violation->invariant.c_str(),
                violation->what.c_str());
  else
    std::printf("seed %llu: every promise was kept\n", static_cast<unsigned long long>(seed));
  return violation ? 1 : 0;
}

/// Every jobs-th seed from the first on, until one fails.
Tally work(const Settings &settings, unsigned job, const Disk::Image &fresh) {
  Tally tally;
  for (std::uint64_t i = job; i < settings.count && tally.failed == 0; i += settings.jobs) {
    const std::uint64_t seed = settings.from + i;
    World world(seed, fresh, false);
    if (world.run()) tally.failed = seed;
    ++tally.seeds;
    tally.steps += world.steps();
    tally.faults += world.faults();
    tally.crashes += static_cast<std::uint64_t>(world.crashes());
  }
  return tally;
}

/// One process per job: SQLite and the embedded tables are shared by nobody, and a crash of the code is seen.
int run(const Settings &settings) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::pair<pid_t, int>> workers;
  for (unsigned job = 0; job < settings.jobs; ++job) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    const pid_t child = ::fork();
    if (child == 0) {
      const Tally tally = work(settings, job, World::make_fresh_disk());
      const bool told = ::write(ends[1], &tally, sizeof tally) == sizeof tally;
      ::_exit(told ? 0 : 1);
    }
    ::close(ends[1]);
    workers.emplace_back(child, ends[0]);
  }
  Tally all;
  bool broken = false;
  for (const auto &[child, end] : workers) {
    Tally tally;
    int status = 0;
    const bool told = ::read(end, &tally, sizeof tally) == sizeof tally;
    ::close(end);
    ::waitpid(child, &status, 0);
    if (!told) {
      std::printf("a worker ended by itself (status %d)\n", status);
      broken = true;
      continue;
    }
    all.seeds += tally.seeds;
    all.steps += tally.steps;
    all.faults += tally.faults;
    all.crashes += tally.crashes;
    if (tally.failed != 0 && (all.failed == 0 || tally.failed < all.failed)) all.failed = tally.failed;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto seeds = static_cast<double>(std::max<std::uint64_t>(1, all.seeds));
  if (all.failed != 0) explain(all.failed, World::make_fresh_disk(), kLastLines);
  std::printf("%llu seeds from %llu: %.0f steps, %.1f faults and %.1f crashes a seed; %.0f seeds/s\n",
              static_cast<unsigned long long>(all.seeds), static_cast<unsigned long long>(settings.from),
              static_cast<double>(all.steps) / seeds, static_cast<double>(all.faults) / seeds,
              static_cast<double>(all.crashes) / seeds, seeds / seconds);
  return broken || all.failed != 0 ? 1 : 0;
}

/// "FROM..TO", both included.
bool read_range(const std::string &text, Settings &settings) {
  const std::size_t dots = text.find("..");
  if (dots == std::string::npos) return false;
  const auto from = parse_int(text.substr(0, dots));
  const auto to = parse_int(text.substr(dots + 2));
  if (!from || !to || *from < 1 || *to < *from) return false;
  settings.from = static_cast<std::uint64_t>(*from);
  settings.count = static_cast<std::uint64_t>(*to - *from + 1);
  return true;
}

int main(int argc, char **argv) {
  Settings settings;
  std::string range;
  CLI::App app("Lets several processes of Cordon live through virtual hours of trouble, one per seed.");
  app.add_option("--seeds", range, "FROM..TO, both included")->check([&](const std::string &text) {
    return read_range(text, settings) ? std::string() : std::string("must be FROM..TO with 1 <= FROM <= TO");
  });
  app.add_option("--count", settings.count, "so many seeds")->check(CLI::PositiveNumber)->excludes("--seeds");
  app.add_option("--from", settings.from, "the first of them")->check(CLI::PositiveNumber)->excludes("--seeds");
  app.add_option("--jobs", settings.jobs, "processes that share the work")->check(CLI::PositiveNumber);
  app.add_option("--seed", settings.seed, "only this one")->excludes("--seeds")->excludes("--count");
  app.add_flag("--trace", settings.trace, "print all that happens")->needs("--seed");
  CLI11_PARSE(app, argc, argv);
  if (sodium_init() < 0) return 2;
  // Worlds come and go; what one has freed, the next one takes.
  ::mallopt(M_TRIM_THRESHOLD, 512 << 20);
  ::mallopt(M_MMAP_THRESHOLD, 512 << 20);
  Disk::install();
  if (settings.seed) return explain(*settings.seed, World::make_fresh_disk(), settings.trace ? SIZE_MAX : kLastLines);
  return run(settings);
}

}  // namespace
}  // namespace cordon::simulation

int main(int argc, char **argv) {
  return cordon::simulation::main(argc, argv);
}

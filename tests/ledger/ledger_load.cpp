// ledger_load <state_dir> <writers> <commits of each>: coroutines that append with a full commit each, one after the
// other. Prints nothing; exits 0 when all were durable.
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "ledger/ledger.hpp"

namespace {

using namespace cordon;
using namespace cordon::ledger;

loop::Task<void> append_all(Ledger &ledger, int commits, int &done) {
  for (int i = 0; i < commits; ++i) {
    auto appended = co_await ledger.run(Durability::Full, [i](Tx &tx) {
      return tx.append(Record("state", RequestId(), "contoso", Json{{"n", i}}, UtcTicks()));
    });
    if (appended) ++done;
  }
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const int writers = std::atoi(argv[2]);
  const int commits = std::atoi(argv[3]);
  SystemClock clock;
  SystemRandom random;
  auto ledger = Ledger::open(argv[1], clock, random);
  if (!ledger || !(*ledger)->use_key(Secret(std::string(32, 'k')), "load")) return 1;

  std::mutex mutex;
  std::condition_variable condition;
  bool woken = false;
  loop::Scheduler scheduler(clock);
  scheduler.set_wake([&] {
    const std::lock_guard lock(mutex);
    woken = true;
    condition.notify_one();
  });
  (*ledger)->attach(scheduler);
  int done = 0;
  for (int i = 0; i < writers; ++i) scheduler.spawn(append_all(**ledger, commits, done));
  while (scheduler.running() != 0) {
    scheduler.run_due();
    if (scheduler.running() == 0) break;
    std::unique_lock lock(mutex);
    condition.wait(lock, [&] { return woken; });
    woken = false;
  }
  (*ledger)->stop();
  return done == writers * commits ? 0 : 1;
}

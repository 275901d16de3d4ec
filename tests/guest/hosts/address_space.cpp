// A host that has little address space left.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <sstream>

#include "guest/hosts/host.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

rlim_t address_space() {
  std::istringstream statm(read_file("/proc/self/statm"));
  rlim_t pages = 0;
  statm >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

enum Outcome : int { kEnough = 0, kBroken = 1, kShort = 10 };

/// A client in a process that may take `mib` MiB more.
Outcome live_with(const Library &library, const World &world, int mib) try {
  const int broken_before = broken();
  nlohmann::json config = world.config;
  config["state_dir"] = (world.directory / ("mib" + std::to_string(mib))).string();
  const rlim_t limit = address_space() + (static_cast<rlim_t>(mib) << 20);
  const rlimit both{limit, limit};
  CHECK(setrlimit(RLIMIT_AS, &both) == 0);
  const auto is_short = [mib](const Said &said) {
    const bool told = said.status == CORDON_E_OUT_OF_MEMORY || said.status == CORDON_E_INVALID_STATE ||
                      said.status == CORDON_E_LEDGER || said.status == CORDON_E_OUTCOME_UNKNOWN;
    CHECK_SAID(said.status >= 0 || told, std::to_string(mib) + " MiB left: " + said.text);
    return said.status < 0;
  };
  const Client client(library, world, config);
  const bool ran_out = is_short(client.opened()) || is_short(client.act(world.machines.at(0), 5'000));
  return broken() != broken_before ? kBroken : ran_out ? kShort : kEnough;
} catch (const std::bad_alloc &) {  // the host's own
  return kShort;
}

SCENARIO(little_memory) {
  if (kSanitized) std::exit(77);  // its shadow takes all of the address space
  const Library library(world.library);
  int short_of_it = 0, enough = 0;
  for (int mib = 0; mib <= 240; mib += mib < 40 ? 1 : 50) {
    const pid_t child = fork();
    if (child == 0) _exit(live_with(library, world, mib));
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_SAID(WIFEXITED(status), std::to_string(mib) + " MiB left: signal " + std::to_string(WTERMSIG(status)));
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != kBroken);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kShort) ++short_of_it;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kEnough) ++enough;
  }
  CHECK_SAID(short_of_it >= 5, std::to_string(short_of_it));
  CHECK_SAID(enough >= 2, std::to_string(enough));
}

}  // namespace
}  // namespace cordon::test

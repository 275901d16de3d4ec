// Hosts that have no descriptor left.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "guest/hosts/host.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

/// Lowers the soft limit, or puts it back.
class Limit {
 public:
  Limit(decltype(RLIMIT_AS) resource, rlim_t value) : resource_(resource) {
    getrlimit(resource_, &before_);
    const rlimit lower{value, before_.rlim_max};
    CHECK(setrlimit(resource_, &lower) == 0);
  }
  ~Limit() { setrlimit(resource_, &before_); }
  Limit(const Limit &) = delete;
  Limit &operator=(const Limit &) = delete;

 private:
  decltype(RLIMIT_AS) resource_;
  rlimit before_{};
};

bool names_the_remedy(const Said &said) {
  return said.text.find("Too many open files") != std::string::npos && said.text.find("ulimit -n") != std::string::npos;
}

SCENARIO(no_descriptor_at_init) {
  const Library library(world.library);
  {
    const Client warm(library, world);  // what is opened once in a process
    expect_acts(warm, world.machines.at(0));
  }
  const auto before = descriptors();
  int refusals = 0;
  for (rlim_t left = 0;; ++left) {
    nlohmann::json config = world.config;
    config["state_dir"] = (world.directory / ("left" + std::to_string(left))).string();
    Said opened;
    {
      const Limit limit(RLIMIT_NOFILE, before.size() + left);
      opened = Client(library, world, config).opened();
    }
    CHECK(descriptors() == before);
    if (opened.status == CORDON_OK) break;
    ++refusals;
    CHECK_SAID(names_the_remedy(opened), std::to_string(left) + " left: " + opened.text);
    CHECK_SAID(opened.status == CORDON_E_LEDGER || opened.status == CORDON_E_INVALID_STATE, opened.text);
    // There are enough again: the very same directory is none the worse for it.
    const Client again(library, world, config);
    CHECK_SAID(again.opened().status == CORDON_OK, again.opened().text);
  }
  CHECK_SAID(refusals >= 5, std::to_string(refusals));
}

/// Opens what can be opened.
class Hoard {
 public:
  Hoard() {
    for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) fds_.push_back(fd);
  }
  ~Hoard() {
    for (const int fd : fds_) close(fd);
  }
  Hoard(const Hoard &) = delete;
  Hoard &operator=(const Hoard &) = delete;

 private:
  std::vector<int> fds_;
};

SCENARIO(no_descriptor_at_work) {
  if (kSanitized) std::exit(77);  // its checks open pipes
  const Library library(world.library);
  const Limit limit(RLIMIT_NOFILE, 64);
  const Client client(library, world);
  CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
  {
    // No connection yet: nothing can be sent, and nothing is.
    const Hoard hoard;
    const Said refused = client.act(world.machines.at(0), 5'000);
    CHECK_SAID(refused.status < 0 && refused.status != CORDON_E_INTERNAL, refused.text);
    CHECK_SAID(refused.status != CORDON_E_OUTCOME_UNKNOWN, refused.text);
    CHECK_SAID(names_the_remedy(refused), refused.text);
    std::int32_t fd = 0;
    cordon_error *error = nullptr;
    CHECK(library->event_fd(client.handle(), &fd, &error) == CORDON_E_INVALID_STATE && fd == -1);
    library->error_free(error);
    const Said checked = client.call("ledger_check");
    CHECK_SAID(checked.status >= 0 || names_the_remedy(checked), checked.text);
  }
  expect_acts(client, world.machines.at(0));
  std::array<std::atomic<bool>, 7> refused{};
  {
    // One connection, and more work than it carries at once.
    const Hoard hoard;
    std::vector<std::thread> busy;
    for (std::size_t i = 1; i <= 6; ++i)
      busy.emplace_back([&, i] {
        const Said acted = client.act(world.machines.at(i), 5'000);
        CHECK_SAID(acted.status >= 0 || names_the_remedy(acted), acted.text);
        refused.at(i) = acted.status < 0;
      });
    for (auto &thread : busy) thread.join();
  }
  for (std::size_t i = 1; i <= 6; ++i)
    if (refused.at(i)) expect_acts(client, world.machines.at(i));
  CHECK(library->shutdown(client.handle(), -1, nullptr) == CORDON_OK);
}

}  // namespace
}  // namespace cordon::test

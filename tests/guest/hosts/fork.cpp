// Forks before the first client, with one at work, and after the last.
#include <thread>

#include "guest/hosts/host.hpp"

namespace cordon::test {
namespace {

SCENARIO(fork_in_every_state) {
  const Library library(world.library);
  nlohmann::json of_child = world.config;
  of_child["state_dir"] = (world.directory / "child").string();
  const auto opens_its_own = [&](std::size_t machine) {
    const Client own(library, world, of_child);
    expect_acts(own, world.machines.at(machine));
  };
  CHECK(in_fork([&] { opens_its_own(0); }));
  {
    const Client client(library, world);
    CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
    std::thread busy([&] { client.act(world.offline, 1'500, R"({"until":"finished"})"); });
    for (int i = 0; i < 20; ++i) {
      CHECK(in_fork([&] {
        CHECK(client.act(world.machines.at(1)).status == CORDON_E_FORKED);
        CHECK(client.call("health").status == CORDON_E_FORKED);
        CHECK(Client(library, world, of_child).opened().status == CORDON_E_FORKED);
      }));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    expect_acts(client, world.machines.at(2));
    busy.join();
  }
  CHECK(in_fork([&] { opens_its_own(3); }));
  const Client again(library, world);
  expect_acts(again, world.machines.at(4));
}

}  // namespace
}  // namespace cordon::test

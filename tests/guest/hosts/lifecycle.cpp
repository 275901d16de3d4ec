// Coming and going: loaded, used, unloaded, and left at the process' end.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "guest/hosts/host.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

/// One whole life of the library in this process. A client's threads start at init, for its config says "recover".
void live_once(const World &world) {
  Library library(world.library);
  Client client(library, world);
  CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
  CHECK(client.call("health").status == CORDON_OK);
  cordon_error *error = nullptr;
  CHECK(library->shutdown(client.handle(), -1, &error) == CORDON_OK);
  library->error_free(error);
  client.end();
  library.close();
}

/// Lives so often; the first fifth, but at most 500, may still make the process grow.
SCENARIO(rounds) {
  const int rounds = std::stoi(world.arguments.at(0));
  const int warm = std::min(rounds / 5, 500);
  for (int i = 0; i < warm; ++i) live_once(world);
  const Footprint before = Footprint::now();
  for (int i = warm; i < rounds; ++i) live_once(world);
  const Footprint after = Footprint::now();
  std::printf("%d rounds\nafter the first %d: %s\nat the end: %s\n", rounds, warm, to_string(before).c_str(),
              to_string(after).c_str());
  std::fflush(stdout);
  const std::string grown = to_string(before) + " became " + to_string(after);
  CHECK_SAID(after.descriptors == before.descriptors, grown);
  if (!kSanitized) {  // a sanitizer has a thread and memory of its own
    CHECK_SAID(after.threads == before.threads && after.threads == 1, grown);
    CHECK_SAID(after.mappings <= before.mappings + 8, grown);  // malloc's heaps may split or merge
    CHECK_SAID(after.resident_kib <= before.resident_kib + 512, grown);
  }
  CHECK(is_mapped("libcordon.so"));  // -z nodelete, as cordon.h says
}

SCENARIO(unused) {
  const auto fds = descriptors();
  const Footprint before = Footprint::now();
  const Library library(world.library);
  CHECK(library->version() != nullptr && library->manifest() != nullptr);
  CHECK(library->status_name(CORDON_E_FORKED) == std::string("CORDON_E_FORKED"));
  CHECK(descriptors() == fds);
  CHECK(Footprint::now().threads == before.threads);
  CHECK(!std::filesystem::exists(world.config["state_dir"].get<std::string>()));
  std::exit(broken() == 0 ? 0 : 1);
}

/// Uses a client from several threads, and leaves by exit() in the middle.
void exit_while_busy(const World &world, const Library &library, const Client &client) {
  for (int i = 0; i < 4; ++i)
    std::thread([&client, machine = world.machines.at(static_cast<std::size_t>(i)), &world] {
      for (;;) {
        client.act(machine, 30'000, R"({"until":"finished"})");
        client.act(world.offline, 20);
        client.call("get_machine", (R"({"machine_id":")" + machine + "\"}").c_str());
      }
    }).detach();
  std::thread([&] {
    for (;;) library->next_event(client.handle(), nullptr, 10'000, nullptr, nullptr);
  }).detach();
  std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(world.arguments.at(0))));
}

SCENARIO(exit_during_calls) {
  // Runs after everything that was registered later, OpenSSL's end among it, and gives the threads time to trip over.
  std::atexit([] { std::this_thread::sleep_for(std::chrono::milliseconds(150)); });
  static const Library library(world.library);
  static const Client *const client = new Client(library, world);
  static const World &stays = *new World(world);  // the threads use it to the end
  CHECK_SAID(client->opened().status == CORDON_OK, client->opened().text);
  exit_while_busy(stays, library, *client);
  std::exit(broken() == 0 ? 0 : 1);
}

/// A host whose clients are ended by a static destructor, after main.
SCENARIO(freed_by_a_static_destructor) {
  static const Library library(world.library);
  static const World stays = world;
  static const Client client(library, stays);
  expect_acts(client, world.machines.at(0));
}

SCENARIO(two_copies) {
  const auto copy = world.directory / "libcordon-copy.so";
  std::filesystem::copy_file(world.library, copy);
  const Library first(world.library);
  const Library second(copy);
  CHECK(first.api() != second.api());
  const Client one(first, world);
  CHECK_SAID(one.opened().status == CORDON_OK, one.opened().text);
  {
    const Client refused(second, world);
    CHECK_SAID(refused.opened().status == CORDON_E_LEDGER, refused.opened().text);
    CHECK_SAID(refused.opened().text.find("another copy of libcordon") != std::string::npos, refused.opened().text);
  }
  nlohmann::json elsewhere = world.config;
  elsewhere["state_dir"] = (world.directory / "elsewhere").string();
  const Client two(second, world, elsewhere);
  CHECK_SAID(two.opened().status == CORDON_OK, two.opened().text);
  CHECK(second->secret_set(one.handle(), "x", "y", 1, nullptr) == CORDON_E_INVALID_HANDLE);
  expect_acts(one, world.machines.at(0));
  expect_acts(two, world.machines.at(1));
}

SCENARIO(two_clients) {
  const Library library(world.library);
  nlohmann::json elsewhere = world.config;
  elsewhere["state_dir"] = (world.directory / "elsewhere").string();
  const Client one(library, world);
  const Client two(library, world, elsewhere);
  const Client three(library, world);  // on the first one's ledger
  std::thread other([&] { expect_acts(two, world.machines.at(1)); });
  expect_acts(one, world.machines.at(0));
  other.join();
  expect_acts(three, world.machines.at(2));
}

SCENARIO(load_flags) {
  const int flags = std::stoi(world.arguments.at(0));
  const Library library(world.library, flags);
  {
    const Client client(library, world);
    expect_acts(client, world.machines.at(0));
  }
  const bool global = (flags & RTLD_GLOBAL) != 0;
  CHECK((dlsym(RTLD_DEFAULT, "cordon_init") != nullptr) == global);
}

}  // namespace
}  // namespace cordon::test

// A host that uses the same libcurl.
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "guest/libraries/own_request.hpp"

namespace cordon::test {
namespace {

/// The arguments are steps: "init" and "cleanup" are libcurl's global ones, "use" a request of the host's, "open",
/// "act" and "end" a client's.
SCENARIO(curl_in_order) {
  const Library library(world.library);
  std::unique_ptr<Client> client;
  std::size_t machine = 0;
  for (const std::string &step : world.arguments) {
    if (step == "init") CHECK(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK);
    if (step == "cleanup") curl_global_cleanup();
    if (step == "use") OwnRequest(world).make();
    if (step == "open") client = std::make_unique<Client>(library, world);
    if (step == "act") expect_acts(*client, world.machines.at(machine++));
    if (step == "end") client.reset();
  }
}

SCENARIO(curl_beside) {
  curl_global_init(CURL_GLOBAL_ALL);
  const Library library(world.library);
  std::atomic<bool> over{false};
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      OwnRequest own(world);
      while (!over) own.make(), ++made;
      CHECK_SAID(own.connections() == 1, std::to_string(own.connections()) + " connections");
    });
  for (std::size_t round = 0; round < 3; ++round) {
    const Client client(library, world);
    const int before = made;
    std::vector<std::thread> acting;
    for (std::size_t i = 0; i < 4; ++i)
      acting.emplace_back([&, i] { expect_acts(client, world.machines.at(4 * round + i)); });
    for (std::thread &one : acting) one.join();
    while (made < before + 6) std::this_thread::yield();
  }
  over = true;
  for (std::thread &one : threads) one.join();
}

std::atomic<long> g_curl_blocks{0};

void *counted(void *made) {
  if (made != nullptr) ++g_curl_blocks;
  return made;
}

/// The host's allocator serves Cordon's libcurl too, and gets everything back.
SCENARIO(curl_own_allocator) {
  CHECK(curl_global_init_mem(
            CURL_GLOBAL_ALL, [](std::size_t size) { return counted(std::malloc(size)); },
            [](void *block) {
              if (block != nullptr) --g_curl_blocks;
              std::free(block);
            },
            [](void *block, std::size_t size) {
              return block == nullptr ? counted(std::malloc(size)) : std::realloc(block, size);
            },
            [](const char *text) { return static_cast<char *>(counted(strdup(text))); },
            [](std::size_t count, std::size_t size) { return counted(std::calloc(count, size)); }) == CURLE_OK);
  const Library library(world.library);
  const auto round = [&](std::size_t machine) {
    OwnRequest(world).make();
    const Client client(library, world);
    expect_acts(client, world.machines.at(machine));
  };
  round(0);
  const long after_one = g_curl_blocks;
  round(1);
  CHECK_SAID(g_curl_blocks == after_one, std::to_string(after_one) + " blocks became " + std::to_string(g_curl_blocks));
}

/// Debian's other libcurl, over GnuTLS, has the same names; git brings it along.
SCENARIO(curl_of_gnutls) {
  void *other = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_GLOBAL);
  if (other == nullptr) std::exit(77);
  const auto other_version = reinterpret_cast<decltype(&curl_version)>(dlsym(other, "curl_version"));
  CHECK_SAID(std::string(other_version()).find("GnuTLS") != std::string::npos, other_version());
  const auto make = reinterpret_cast<decltype(&curl_easy_init)>(dlsym(other, "curl_easy_init"));
  const auto drop = reinterpret_cast<decltype(&curl_easy_cleanup)>(dlsym(other, "curl_easy_cleanup"));
  CURL *easy = make();
  const Library library(world.library);
  const Client client(library, world);
  expect_acts(client, world.machines.at(0));
  drop(easy);
  expect_acts(client, world.machines.at(1));
}

}  // namespace
}  // namespace cordon::test

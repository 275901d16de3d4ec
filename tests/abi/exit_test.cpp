#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "abi/calls.hpp"

namespace {

// What slow clients write about themselves, see fake_client.cpp.
int g_letters[2];
std::string g_left_to_come;

/// Runs behind the library's own end, as those of the libraries that it uses do: no client may be under way any more.
void expect_ended() {
  char seen[16] = {};
  const ssize_t size = read(g_letters[0], seen, sizeof seen);
  if (size < 0 || std::string(seen, static_cast<std::size_t>(size)) != g_left_to_come) _exit(1);
}

/// To be called before the first client of the process; the config of a slow one.
std::string begin(const std::string &left_to_come) {
  if (pipe(g_letters) != 0) std::abort();
  g_left_to_come = left_to_come;
  std::atexit(expect_ended);
  return "slow:" + std::to_string(g_letters[1]);
}

/// Ends the process as soon as these have been written, and looks whether the rest has come at the end.
[[noreturn]] void exit_after(std::size_t letters) {
  char letter = 0;
  while (letters-- > 0)
    if (read(g_letters[0], &letter, 1) != 1) std::abort();
  fcntl(g_letters[0], F_SETFL, O_NONBLOCK);
  std::exit(0);
}

void exit_during_free() {
  const std::string config = begin("S");
  cordon_client *client = nullptr;
  if (cordon_init(CORDON_ABI_VERSION, config.c_str(), &client, nullptr) != CORDON_OK) std::abort();
  std::thread([client] { cordon_client_free(client); }).detach();
  exit_after(3);
}

void exit_during_init() {
  static const std::string config = begin("OsS");
  std::thread([] {
    static cordon_client *client = nullptr;
    cordon_init(CORDON_ABI_VERSION, config.c_str(), &client, nullptr);
  }).detach();
  exit_after(1);
}

TEST(ExitDeathTest, WaitsForAClientThatAnotherThreadIsFreeing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // in a process that has had no client
  EXPECT_EXIT(exit_during_free(), testing::ExitedWithCode(0), "");
}

TEST(ExitDeathTest, WaitsForAClientThatAnotherThreadIsOpeningAndEndsIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_during_init(), testing::ExitedWithCode(0), "");
}

}  // namespace

#pragma once

#include <cordon.h>
#include <dlfcn.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cordon::test {

/// What a scenario is told: the members of the file that the test wrote for it.
struct World {
  std::string library;    ///< path of libcordon.so
  nlohmann::json config;  ///< opens a client; its state_dir does not exist yet
  std::string secret_name;
  std::string secret;
  std::vector<std::string> machines;  ///< nobody else acts on these
  std::string offline;                ///< a machine whose actions do not end
  std::filesystem::path directory;    ///< for what the scenario wants to leave lying about
  std::vector<std::string> arguments;
};

/// Reports a promise that was broken and goes on; the process then ends with 1.
void check(bool holds, const std::string &what);
/// How many were.
int broken();
#define CHECK(condition) \
  ::cordon::test::check(condition, std::string(__FILE__ ":") + std::to_string(__LINE__) + " " #condition)
#define CHECK_SAID(condition, said) \
  ::cordon::test::check(condition, std::string(__FILE__ ":") + std::to_string(__LINE__) + " " #condition " | " + (said))

/// A function of this program that a test can run in a process of its own, by name.
struct Scenario {
  Scenario(const char *name, std::function<void(const World &)> run);
};
#define SCENARIO(name)                                             \
  static void scenario_##name(const World &);                      \
  static const Scenario registered_##name(#name, scenario_##name); \
  static void scenario_##name([[maybe_unused]] const World &world)

/// The library, loaded for as long as this lives. Ends the process when it can't be.
class Library {
 public:
  explicit Library(const std::string &path, int flags = RTLD_NOW | RTLD_LOCAL);
  ~Library() { close(); }
  Library(const Library &) = delete;
  Library &operator=(const Library &) = delete;
  void close();
  const cordon_api_v1 *operator->() const { return api_; }
  const cordon_api_v1 *api() const { return api_; }

 private:
  void *handle_;
  const cordon_api_v1 *api_;
};

/// What a call gave back, given back to the library.
struct Said {
  std::int32_t status = 0;
  std::string text;  ///< the document, or the error's JSON
};

/// One open client that can get tokens.
class Client {
 public:
  Client(const Library &library, const World &world) : Client(library, world, world.config) {}
  Client(const Library &library, const World &world, const nlohmann::json &config);
  ~Client() { end(); }
  Client(const Client &) = delete;
  Client &operator=(const Client &) = delete;

  const Said &opened() const { return opened_; }
  cordon_client *handle() const { return handle_; }
  Said act(const std::string &machine, std::int32_t timeout_ms = 60'000, const char *options = nullptr) const;
  Said call(const char *operation, const char *request = "{}") const;
  void end();

 private:
  const cordon_api_v1 *api_;
  cordon_client *handle_ = nullptr;
  Said opened_;
};

/// Runs one acting call and expects that the service took it.
void expect_acts(const Client &client, const std::string &machine);

/// What this process has at the moment.
struct Footprint {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t mappings = 0;
  long resident_kib = 0;
  static Footprint now();
};
std::string to_string(const Footprint &footprint);
/// Descriptor numbers of this process, 0 to 2 included.
std::vector<int> descriptors();
/// Whether a mapping of this process is of a file whose path contains `part`.
bool is_mapped(const std::string &part);
std::string read_file(const std::filesystem::path &path);

/// Runs `body` in a forked child, which ends with _exit; what it broke counts here. False: the child died.
bool in_fork(const std::function<void()> &body);

}  // namespace cordon::test

// guest_host WORLD SCENARIO [ARGUMENT...]: runs one scenario of a host in this process. WORLD is a JSON file (see
// struct World). Prints every promise that was broken. Exit: 0 none was, 1 some were, 2 wrong use, 77 can't be tried
// here.
#include "guest/hosts/host.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

namespace cordon::test {
namespace {

int g_broken = 0;

std::map<std::string, std::function<void(const World &)>> &scenarios() {
  static std::map<std::string, std::function<void(const World &)>> all;
  return all;
}

Said take(const cordon_api_v1 *api, std::int32_t status, char *text, cordon_error *error) {
  Said said{status, error != nullptr ? api->error_json(error) : text != nullptr ? text : ""};
  CHECK_SAID((status < 0) == (error != nullptr), api->status_name(status));
  api->string_free(text);
  api->error_free(error);
  return said;
}

std::size_t entries(const char *directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

World read_world(const char *path) {
  const auto json = nlohmann::json::parse(read_file(path));
  World world;
  world.library = json.at("library");
  world.config = json.at("config");
  world.secret_name = json.at("secret_name");
  world.secret = json.at("secret");
  world.machines = json.at("machines").get<std::vector<std::string>>();
  world.offline = json.at("offline");
  world.directory = std::filesystem::path(path).parent_path();
  return world;
}

}  // namespace

void check(bool holds, const std::string &what) {
  if (holds) return;
  ++g_broken;
  // stdio's buffers may be a parent's, and its descriptors may be closed.
  const std::string line = "broken: " + what + "\n";
  (void)!::write(STDERR_FILENO, line.data(), line.size());
}

int broken() {
  return g_broken;
}

Scenario::Scenario(const char *name, std::function<void(const World &)> run) {
  scenarios().emplace(name, std::move(run));
}

Library::Library(const std::string &path, int flags) : handle_(dlopen(path.c_str(), flags)), api_(nullptr) {
  const auto get_api =
      handle_ == nullptr ? nullptr : reinterpret_cast<decltype(&cordon_get_api)>(dlsym(handle_, "cordon_get_api"));
  if (get_api != nullptr) api_ = get_api(1);
  if (api_ != nullptr) return;
  std::fprintf(stderr, "%s can't be used: %s\n", path.c_str(), dlerror());
  std::_Exit(2);
}

void Library::close() {
  if (handle_ != nullptr) dlclose(handle_);
  handle_ = nullptr;
}

Client::Client(const Library &library, const World &world, const nlohmann::json &config) : api_(library.api()) {
  cordon_error *error = nullptr;
  const std::int32_t status = api_->init(api_->abi_version, config.dump().c_str(), &handle_, &error);
  opened_ = take(api_, status, nullptr, error);
  if (status != CORDON_OK) return;
  error = nullptr;
  const std::int32_t told =
      api_->secret_set(handle_, world.secret_name.c_str(), world.secret.data(), world.secret.size(), &error);
  const Said set = take(api_, told, nullptr, error);
  if (told != CORDON_OK) opened_ = set;
}

Said Client::act(const std::string &machine, std::int32_t timeout_ms, const char *options) const {
  char *text = nullptr;
  cordon_error *error = nullptr;
  const std::int32_t status =
      api_->restrict_code_execution(handle_, machine.c_str(), "guest", options, timeout_ms, &text, &error);
  return take(api_, status, text, error);
}

Said Client::call(const char *operation, const char *request) const {
  char *text = nullptr;
  cordon_error *error = nullptr;
  const std::int32_t status = api_->call(handle_, operation, request, 60'000, &text, &error);
  return take(api_, status, text, error);
}

void Client::end() {
  api_->client_free(handle_);
  handle_ = nullptr;
}

void expect_acts(const Client &client, const std::string &machine) {
  CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
  const Said acted = client.act(machine);
  CHECK_SAID(acted.status == CORDON_PENDING || acted.status == CORDON_OK, acted.text);
}

Footprint Footprint::now() {
  Footprint found;
  found.descriptors = entries("/proc/self/fd");
  found.threads = entries("/proc/self/task");
  std::istringstream maps(read_file("/proc/self/maps"));
  for (std::string line; std::getline(maps, line);) ++found.mappings;
  std::istringstream statm(read_file("/proc/self/statm"));
  long total = 0;
  long resident = 0;
  statm >> total >> resident;
  found.resident_kib = resident * (sysconf(_SC_PAGESIZE) / 1024);
  return found;
}

std::string to_string(const Footprint &footprint) {
  return std::to_string(footprint.descriptors) + " descriptors, " + std::to_string(footprint.threads) + " threads, " +
         std::to_string(footprint.mappings) + " mappings, " + std::to_string(footprint.resident_kib) + " KiB";
}

std::vector<int> descriptors() {
  std::vector<int> found;
  for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fd"))
    found.push_back(std::stoi(entry.path().filename()));
  std::erase_if(found, [](int fd) { return fcntl(fd, F_GETFD) < 0; });  // the look's own
  std::sort(found.begin(), found.end());
  return found;
}

bool is_mapped(const std::string &part) {
  std::istringstream maps(read_file("/proc/self/maps"));
  for (std::string line; std::getline(maps, line);)
    if (line.find(part) != std::string::npos) return true;
  return false;
}

std::string read_file(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool in_fork(const std::function<void()> &body) {
  const pid_t child = fork();
  if (child == 0) {
    g_broken = 0;
    body();
    _exit(g_broken == 0 ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return false;
  CHECK(WEXITSTATUS(status) == 0);
  return true;
}

}  // namespace cordon::test

int main(int argc, char **argv) {
  using namespace cordon::test;
  if (argc < 3) return 2;
  World world = read_world(argv[1]);
  const auto found = scenarios().find(argv[2]);
  if (found == scenarios().end()) return 2;
  world.arguments.assign(argv + 3, argv + argc);
  found->second(world);
  return broken() == 0 ? 0 : 1;
}

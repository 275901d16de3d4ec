// Memory runs out at every call of an allocator, one life of the library after the other.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "guest/allocator/failing_allocator.h"
#include "guest/hosts/host.hpp"

namespace cordon::test {
namespace {

/// A life ends long before, unless it hangs.
constexpr unsigned kLongestLife_s = 60;

template <class F>
F *preloaded(const char *name) {
  auto *found = reinterpret_cast<F *>(dlsym(RTLD_DEFAULT, name));
  if (found == nullptr) {
    std::fprintf(stderr, "guest_allocator is not preloaded: no %s\n", name);
    std::_Exit(2);
  }
  return found;
}

/// Which calls of an allocator fail.
struct Shortage {
  long first = 0;
  long count = 0;
};

/// Everything that one life needs, so that it allocates nothing of its own.
struct Life {
  Life(const World &world, const std::string &name, const std::string &machine_)
      : machine(machine_), secret_name(world.secret_name), secret(world.secret) {
    const auto home = world.directory / name;
    std::filesystem::create_directory(home);
    nlohmann::json own = world.config;
    own["state_dir"] = (home / "state").string();
    if (!own["vault"]["file"].is_null()) own["vault"]["file"] = (home / "vault.cordon").string();
    config = own.dump();
    char id[37];
    std::snprintf(id, sizeof id, "%08x-0000-4000-8000-000000000000",
                  static_cast<unsigned>(std::hash<std::string>()(name)));
    request_id = id;
    options = R"({"request_id":")" + request_id + R"("})";
  }
  std::string config;
  std::string machine;
  std::string secret_name;
  std::string secret;
  std::string request_id;
  std::string options;
};

/// What the calls of a life were answered; of those that were repeated, the last time.
struct Told {
  std::int32_t opened = CORDON_E_OUT_OF_MEMORY;
  std::int32_t secret_set = CORDON_E_OUT_OF_MEMORY;
  std::int32_t acted = CORDON_E_OUT_OF_MEMORY;
  std::int32_t polled = CORDON_E_OUT_OF_MEMORY;
  std::int32_t shut_down = CORDON_OK;
  long allocations = 0;
};

/// The calls of one host; what they gave back is looked at when there is memory again.
class Calls {
 public:
  explicit Calls(const cordon_api_v1 *api) : api_(api) {}
  template <class Call>
  std::int32_t operator()(Call &&call) {
    Given &given = given_[count_++];
    given.status = call(&given.text, &given.error);
    return given.status;
  }
  /// Every call gave back what belongs to its status; none lied about why it failed.
  std::string look() {
    std::string said;
    for (std::size_t i = 0; i < count_; ++i) {
      Given &given = given_[i];
      CHECK((given.status < 0) == (given.error != nullptr));
      CHECK(given.status >= 0 || given.text == nullptr);
      if (given.error != nullptr) {
        CHECK(api_->error_status(given.error) == given.status);
        said += std::string(api_->error_json(given.error)) + "\n";
      }
      api_->error_free(given.error);
      api_->string_free(given.text);
    }
    return said;
  }

 private:
  struct Given {
    std::int32_t status = 0;
    char *text = nullptr;
    cordon_error *error = nullptr;
  };
  const cordon_api_v1 *api_;
  Given given_[20];
  std::size_t count_ = 0;
};

/// A host that takes memory for nothing of its own. It opens, stores the secret, acts, waits for the end, shuts down
/// and frees; when it is told that memory ran out it does so once more, as cordon.h advises.
class FrugalHost {
 public:
  FrugalHost(const cordon_api_v1 *api, const Life &life) : api_(api), life_(life), call_(api) {}

  Told live() {
    for (int attempt = 0; attempt < 2; ++attempt)
      if (attempt_all()) break;
    return told_;
  }
  std::string look() { return call_.look(); }

 private:
  /// False: something did not end as it should.
  bool attempt_all() {
    told_.opened = call_(
        [&](char **, cordon_error **e) { return api_->init(api_->abi_version, life_.config.c_str(), &client_, e); });
    bool good = false;
    if (told_.opened == CORDON_OK) {
      good = store() && act() && poll() == CORDON_OK;
      told_.shut_down = call_([&](char **, cordon_error **e) { return api_->shutdown(client_, 5'000, e); });
    }
    api_->client_free(client_);
    return good;
  }
  bool store() {
    if (told_.secret_set == CORDON_OK) return true;
    told_.secret_set = call_([&](char **, cordon_error **e) {
      return api_->secret_set(client_, life_.secret_name.c_str(), life_.secret.data(), life_.secret.size(), e);
    });
    return told_.secret_set == CORDON_OK;
  }
  /// A call that failed may have acted: first the request is looked up.
  bool act() {
    if (acted_before_ && poll() != CORDON_E_NOT_FOUND) return true;
    acted_before_ = true;
    told_.acted = call_([&](char **out, cordon_error **e) {
      return api_->restrict_code_execution(client_, life_.machine.c_str(), "guest", life_.options.c_str(), 20'000, out,
                                           e);
    });
    return true;
  }
  std::int32_t poll() {
    return told_.polled = call_([&](char **out, cordon_error **e) {
             return api_->poll_action(client_, life_.request_id.c_str(), nullptr, 20'000, out, e);
           });
  }

  const cordon_api_v1 *api_;
  const Life &life_;
  Calls call_;
  cordon_client *client_ = nullptr;
  bool acted_before_ = false;
  Told told_;
};

void tell_at_death(int signal) {
  preloaded<guest_allocator_tell_fn>("guest_allocator_tell")(STDERR_FILENO);
  ::signal(signal, SIG_DFL);
  raise(signal);
}

/// A child process that answers with a Told; nothing when it died or hung.
std::optional<Told> in_child(const std::function<Told()> &body) {
  int ends[2];
  if (pipe(ends) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    for (const int signal : {SIGABRT, SIGSEGV, SIGALRM}) ::signal(signal, tell_at_death);
    alarm(kLongestLife_s);
    const int broken_before = broken();
    const Told told = body();
    (void)!write(ends[1], &told, sizeof told);
    _exit(broken() == broken_before ? 0 : 1);
  }
  close(ends[1]);
  Told told;
  const bool whole = read(ends[0], &told, sizeof told) == static_cast<ssize_t>(sizeof told);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK_SAID(WIFEXITED(status), "ended by signal " + std::to_string(WTERMSIG(status)));
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  return whole ? std::optional<Told>(told) : std::nullopt;
}

/// What a host may be told when memory ran out somewhere below this call. The ledger of a client that has given up is
/// closed; without memory for a thread none can be started. OpenSSL calls it a broken certificate or an error of its
/// own when it has no memory to look at one.
bool is_no_lie(std::int32_t status) {
  return status >= 0 || status == CORDON_E_OUT_OF_MEMORY || status == CORDON_E_SHUTTING_DOWN ||
         status == CORDON_E_INVALID_STATE || status == CORDON_E_TLS;
}

Told live_short_of_memory(const Library &library, const Life &life, const Shortage &shortage) {
  const auto fds = descriptors();
  const int broken_before = broken();
  FrugalHost host(library.api(), life);
  auto *const arm = preloaded<guest_allocator_arm_fn>("guest_allocator_arm");
  auto *const disarm = preloaded<guest_allocator_disarm_fn>("guest_allocator_disarm");
  arm(shortage.first, shortage.count);
  Told told = host.live();
  told.allocations = disarm();
  const std::string said = host.look();
  CHECK_SAID(is_no_lie(told.opened), said);
  CHECK_SAID(is_no_lie(told.secret_set), said);
  CHECK_SAID(is_no_lie(told.acted) || told.acted == CORDON_E_OUTCOME_UNKNOWN, said);
  CHECK_SAID(is_no_lie(told.polled) || told.polled == CORDON_E_OUTCOME_UNKNOWN || told.polled == CORDON_E_NOT_FOUND,
             said);
  CHECK_SAID(told.shut_down == CORDON_OK || told.shut_down == CORDON_E_OUT_OF_MEMORY, said);
  CHECK(Footprint::now().threads == 1);
  CHECK(descriptors() == fds);
  // There was enough for a second attempt.
  if (shortage.count == 1)
    CHECK_SAID(told.polled == CORDON_OK || told.polled == CORDON_NOT_SENT, std::to_string(told.polled) + " " + said);
  if (broken() != broken_before) preloaded<guest_allocator_tell_fn>("guest_allocator_tell")(STDERR_FILENO);
  return told;
}

/// A later client with memory enough finds everything that the life was told, and carries it to its end.
Told take_up(const Library &library, const Life &life, const Told &told) {
  Told found;
  const cordon_api_v1 *api = library.api();
  Calls call(api);
  cordon_client *client = nullptr;
  found.opened =
      call([&](char **, cordon_error **e) { return api->init(api->abi_version, life.config.c_str(), &client, e); });
  if (told.secret_set != CORDON_OK)
    call([&](char **, cordon_error **e) {
      return api->secret_set(client, life.secret_name.c_str(), life.secret.data(), life.secret.size(), e);
    });
  const auto poll = [&](char **out, cordon_error **e) {
    return api->poll_action(client, life.request_id.c_str(), nullptr, 30'000, out, e);
  };
  found.polled = call(poll);
  const bool lost = told.acted >= 0 && found.polled != CORDON_OK;
  // A host repeats what is known not to have been recorded or sent.
  if (found.polled == CORDON_E_NOT_FOUND)
    found.acted = call([&](char **out, cordon_error **e) {
      return api->restrict_code_execution(client, life.machine.c_str(), "guest", R"({"until":"finished"})", 30'000, out,
                                          e);
    });
  std::string intact;
  for (const char *look : {"ledger_check", "audit_verify"}) {
    char *text = nullptr;
    CHECK(api->call(client, look, "{}", 30'000, &text, nullptr) == CORDON_OK);
    if (text != nullptr) CHECK_SAID(nlohmann::json::parse(text).at("intact") == true, text);
    api->string_free(text);
  }
  api->client_free(client);
  const std::string said = call.look();
  CHECK_SAID(found.opened == CORDON_OK, said);
  CHECK_SAID(!lost, said);
  CHECK_SAID(found.polled == CORDON_OK || found.polled == CORDON_NOT_SENT ||
                 (found.polled == CORDON_E_NOT_FOUND && found.acted == CORDON_OK),
             std::to_string(found.polled) + " " + said);
  return found;
}

/// One life and what comes after it. The library has no client in this process.
void live_and_take_up(const Library &library, const World &world, const Shortage &shortage,
                      const std::string &machine) {
  const std::string name = std::to_string(shortage.first) + "-" + std::to_string(shortage.count);
  const Life life(world, name, machine);
  const auto told = in_child([&] { return live_short_of_memory(library, life, shortage); });
  (void)in_child([&] { return take_up(library, life, told.value_or(Told())); });
  std::filesystem::remove_all(world.directory / name);
}

/// The first ones, and others at equal distances up to `most` in all.
std::vector<long> sample(long calls, long first_ones, long most) {
  std::set<long> chosen;
  for (long n = 1; n <= calls && n <= first_ones; ++n) chosen.insert(n);
  const long others = std::max(1L, most - first_ones);
  for (long i = 0; i < others; ++i) chosen.insert(std::max(1L, calls * (i + 1) / others));
  return {chosen.begin(), chosen.end()};
}

/// Runs jobs in processes of their own, some at a time, and counts what they broke.
class Crew {
 public:
  explicit Crew(std::size_t size) : size_(size) {}
  ~Crew() {
    while (!at_work_.empty()) wait_for_one();
  }
  void run(const std::string &name, const std::function<void()> &job) {
    while (at_work_.size() >= size_) wait_for_one();
    const pid_t child = fork();
    if (child == 0) {
      const int broken_before = broken();
      job();
      _exit(broken() == broken_before ? 0 : 1);
    }
    at_work_[child] = name;
  }

 private:
  void wait_for_one() {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    const auto found = at_work_.find(ended);
    if (found == at_work_.end()) return;
    CHECK_SAID(WIFEXITED(status) && WEXITSTATUS(status) == 0, found->second);
    at_work_.erase(found);
  }
  std::size_t size_;
  std::map<pid_t, std::string> at_work_;
};

/// FAILING FIRST_ONES MOST: so many calls in a row fail (0: all from there on), tried at the first ones and others up
/// to MOST in all (0: at each).
SCENARIO(memory_runs_out) {
  const long failing = std::stol(world.arguments.at(1));
  const long first_ones = std::stol(world.arguments.at(2));
  const long most = std::stol(world.arguments.at(3));
  const Library library(world.library);
  if (world.arguments.at(0) == "warm") {
    const Life life(world, "warm", world.machines.at(1));
    CHECK(FrugalHost(library.api(), life).live().polled == CORDON_OK);
  }
  const auto enough = in_child([&] {
    const Life life(world, "enough", world.machines.at(0));
    return live_short_of_memory(library, life, {LONG_MAX, 1});
  });
  if (!enough) return;
  CHECK(enough->polled == CORDON_OK);
  const std::vector<long> moments = sample(enough->allocations, most == 0 ? LONG_MAX : first_ones, most);
  std::printf("%ld allocations, %zu of them fail\n", enough->allocations, moments.size());
  std::fflush(stdout);
  Crew crew(4);
  std::size_t machine = 2;
  for (const long first : moments) {
    const Shortage shortage{first, failing == 0 ? LONG_MAX : failing};
    const std::string &own = world.machines.at(machine++);
    crew.run("the call " + std::to_string(first), [&] { live_and_take_up(library, world, shortage, own); });
  }
}

}  // namespace
}  // namespace cordon::test

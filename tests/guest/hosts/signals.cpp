// The host's signals: whatever Cordon does, they are the host's.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "guest/hosts/host.hpp"
#include "support/eventually.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

std::atomic<int> g_handled{0};
std::atomic<int> g_of_cordon{0};

void count(int) {
  ++g_handled;
  std::array<char, 16> name{};
  prctl(PR_GET_NAME, name.data());
  if (std::strncmp(name.data(), "cordon", 6) == 0) ++g_of_cordon;
}

void handle(int signal, int flags = 0) {
  struct sigaction action {};
  action.sa_handler = count;
  action.sa_flags = flags;
  CHECK(sigaction(signal, &action, nullptr) == 0);
}

/// What a host has set up.
struct Signals {
  std::array<struct sigaction, 65> actions{};
  sigset_t blocked{};
  sigset_t pending{};
  stack_t stack{};

  static Signals now() {
    Signals found;
    std::memset(static_cast<void *>(&found), 0, sizeof found);  // padding is compared too
    for (int signal = 1; signal <= 64; ++signal)
      sigaction(signal, nullptr, &found.actions.at(static_cast<std::size_t>(signal)));
    pthread_sigmask(SIG_BLOCK, nullptr, &found.blocked);
    sigpending(&found.pending);
    sigaltstack(nullptr, &found.stack);
    return found;
  }
  bool operator==(const Signals &other) const {
    constexpr std::size_t kMask = 8;  // of what the C library has room for, the kernel uses so many bytes
    const auto same = [](const struct sigaction &a, const struct sigaction &b) {
      return a.sa_handler == b.sa_handler && a.sa_flags == b.sa_flags &&
             std::memcmp(&a.sa_mask, &b.sa_mask, kMask) == 0;
    };
    return std::equal(actions.begin(), actions.end(), other.actions.begin(), same) &&
           std::memcmp(&blocked, &other.blocked, kMask) == 0 && std::memcmp(&pending, &other.pending, kMask) == 0 &&
           stack.ss_sp == other.stack.ss_sp && stack.ss_size == other.stack.ss_size &&
           stack.ss_flags == other.stack.ss_flags;
  }
};

/// Everything a host may do with a client, a refused call among it.
void use_all_of_it(const Library &library, const World &world, const std::function<void(const char *)> &look) {
  nlohmann::json wrong = world.config;
  wrong["state_dir"] = "/proc/nowhere";
  CHECK(Client(library, world, wrong).opened().status < 0);
  look("a failed init");
  Client client(library, world);
  CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
  look("init");
  expect_acts(client, world.machines.at(0));
  look("an action");
  CHECK(client.call("get_machine", R"({"machine_id":"no"})").status < 0);
  look("a refused call");
  std::int32_t fd = -1;
  CHECK(library->event_fd(client.handle(), &fd, nullptr) == CORDON_OK);
  close(fd);
  CHECK(library->shutdown(client.handle(), -1, nullptr) == CORDON_OK);
  look("shutdown");
  client.end();
  look("free");
}

SCENARIO(signals_stay_as_they_are) {
  static std::array<char, 64 * 1024> alternate;
  stack_t stack{};
  stack.ss_sp = alternate.data();
  stack.ss_size = alternate.size();
  CHECK(sigaltstack(&stack, nullptr) == 0);
  handle(SIGUSR1, SA_ONSTACK);
  handle(SIGPIPE, SA_RESTART);
  handle(SIGRTMIN + 3);
  signal(SIGHUP, SIG_IGN);
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR2);
  sigaddset(&some, SIGWINCH);
  pthread_sigmask(SIG_BLOCK, &some, nullptr);
  raise(SIGUSR2);
  const Signals before = Signals::now();
  const Library library(world.library);
  CHECK(Signals::now() == before);
  use_all_of_it(library, world, [&](const char *after) { CHECK_SAID(Signals::now() == before, after); });
  CHECK(g_handled == 0);
}

/// With a tenant that can't be used, which is a line of the log at init and at each reload.
nlohmann::json logging_to(int fd, nlohmann::json config) {
  config["log"] = {{"fd", fd}, {"level", "debug"}};
  nlohmann::json broken = config["tenants"]["contoso"];
  broken["credential"] = {{"kind", "client_certificate"}, {"certificate_file", "/nonexistent/certificate.pem"}};
  config["tenants"]["broken"] = broken;
  config["default_tenant"] = "contoso";
  return config;
}

/// A log that nobody reads any more, written to on the host's thread (a tenant that can't be used) and on Cordon's.
SCENARIO(log_to_a_closed_pipe) {
  const std::string disposition = world.arguments.at(0);
  if (disposition == "handled") handle(SIGPIPE);
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  close(ends[0]);
  nlohmann::json config = logging_to(ends[1], world.config);
  const Library library(world.library);
  {
    Client client(library, world, config);
    expect_acts(client, world.machines.at(0));
    cordon_error *error = nullptr;
    CHECK(library->reload(client.handle(), config.dump().c_str(), &error) == CORDON_E_INVALID_STATE);
    library->error_free(error);
    expect_acts(client, world.machines.at(1));
  }
  CHECK(g_handled == 0);
  sigset_t pending;
  sigpending(&pending);
  CHECK(sigismember(&pending, SIGPIPE) == 0);
  // The pipe was written to, or this scenario would show nothing.
  config["log"]["fd"] = (pipe2(ends, O_CLOEXEC | O_NONBLOCK), ends[1]);
  const Client loud(library, world, config);
  std::array<char, 1000> line{};
  CHECK(read(ends[0], line.data(), line.size()) > 0);
}

/// A log whose reader has stopped: lines are dropped, and the work goes on.
SCENARIO(log_to_a_full_pipe) {
  alarm(60);  // it would wait for ever
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  const std::string much(4096, 'x');
  while (write(ends[1], much.data(), much.size()) > 0) {
  }
  CHECK(fcntl(ends[1], F_SETFL, 0) == 0);
  const nlohmann::json config = logging_to(ends[1], world.config);
  const Library library(world.library);
  const Client client(library, world, config);
  for (std::size_t i = 0; i < 3; ++i) expect_acts(client, world.machines.at(i));
  CHECK(library->shutdown(client.handle(), -1, nullptr) == CORDON_OK);
}

std::vector<std::string> threads() {
  std::vector<std::string> found;
  for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task"))
    found.push_back(entry.path().filename());
  return found;
}

std::string of_thread(const std::string &thread, const std::string &member) {
  std::istringstream status(read_file("/proc/self/task/" + thread + "/status"));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(member)) return line.substr(line.find('\t') + 1);
  return "";
}

SCENARIO(threads_block_signals) {
  const auto before = threads();
  const Library library(world.library);
  const Client client(library, world);
  expect_acts(client, world.machines.at(0));
  std::size_t looked_at = 0;
  for (const std::string &thread : threads()) {
    if (std::find(before.begin(), before.end(), thread) != before.end()) continue;
    if (kSanitized && !of_thread(thread, "Name:").starts_with("cordon-")) continue;  // a sanitizer's own
    ++looked_at;
    const std::uint64_t blocked = std::stoull(of_thread(thread, "SigBlk:"), nullptr, 16);
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD,
                             SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGRTMIN, SIGRTMAX})
      CHECK_SAID((blocked >> (signal - 1) & 1) == 1, of_thread(thread, "Name:") + " " + std::to_string(signal));
  }
  CHECK(looked_at == 2);
}

/// Signals by the thousand, to the process by a timer and to the threads that wait in calls.
SCENARIO(interrupted_all_the_time) {
  const int flags = world.arguments.at(0) == "restart" ? SA_RESTART : 0;
  handle(SIGALRM, flags);
  handle(SIGUSR1, flags);
  itimerval often{};
  often.it_value.tv_usec = often.it_interval.tv_usec = 500;
  setitimer(ITIMER_REAL, &often, nullptr);
  const Library library(world.library);
  {
    const Client client(library, world);
    CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
    std::atomic<bool> over{false};
    std::atomic<int> finished{0};
    std::vector<std::thread> busy;
    for (std::size_t i = 0; i < 4; ++i)
      busy.emplace_back([&, i] {
        const Said acted = client.act(world.machines.at(i), 60'000, R"({"until":"finished"})");
        CHECK_SAID(acted.status >= 0, acted.text);
        CHECK(client.call("get_machine", ("{\"machine_id\":\"" + world.machines.at(i) + "\"}").c_str()).status ==
              CORDON_OK);
        library->next_event(client.handle(), R"({"after":1000000})", 300, nullptr, nullptr);
        ++finished;
        while (!over) std::this_thread::yield();  // to be signalled, it has to be there
      });
    std::thread sender([&] {
      while (!over) {
        for (auto &thread : busy) pthread_kill(thread.native_handle(), SIGUSR1);
        std::this_thread::sleep_for(std::chrono::microseconds(300));  // a pace; nobody waits for it
      }
    });
    CHECK(eventually([&] { return finished == 4 && g_handled > 1000; }));
    over = true;
    sender.join();
    for (auto &thread : busy) thread.join();
    CHECK(library->shutdown(client.handle(), -1, nullptr) == CORDON_OK);
  }
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  CHECK_SAID(g_handled > 1000, std::to_string(g_handled));
  CHECK(g_of_cordon == 0);
}

/// A host that looks after its children in its own way: "default", "ignored" (SIG_IGN), "no_wait" (SA_NOCLDWAIT), or
/// "reaped" (a thread that waits for every child).
class Children {
 public:
  explicit Children(const std::string &way) : reaps_(way == "reaped") {
    struct sigaction action {};
    action.sa_handler = way == "ignored" ? SIG_IGN : SIG_DFL;
    if (way == "no_wait") action.sa_flags = SA_NOCLDWAIT;
    CHECK(sigaction(SIGCHLD, &action, nullptr) == 0);
    if (reaps_)
      reaper_ = std::thread([this] {
        while (!over_)
          if (waitpid(-1, nullptr, WNOHANG) <= 0) sched_yield();
      });
  }
  ~Children() {
    over_ = true;
    if (reaper_.joinable()) reaper_.join();
  }
  Children(const Children &) = delete;
  Children &operator=(const Children &) = delete;

 private:
  bool reaps_;
  std::atomic<bool> over_{false};
  std::thread reaper_;
};

void write_program(const std::filesystem::path &path, const std::string &text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

/// The vault's key comes from a helper: such that succeed, one that fails silently, one that dies half-way, and such
/// that fail having printed a whole key.
SCENARIO(children_of_a_host_of_its_own_mind) {
  const std::string way = world.arguments.at(0);
  const Library library(world.library);
  const std::string key(64, 'a');
  const auto state_with = [&](const std::string &name, const std::string &script) {
    const auto helper = world.directory / (name + ".sh");
    write_program(helper, "#!/bin/sh\n" + script + "\n");
    nlohmann::json config = world.config;
    config["state_dir"] = (world.directory / name).string();
    config["recover"] = false;
    config["vault"] = {{"file", (world.directory / (name + ".vault")).string()},
                       {"unlock", {{{"exec", {helper.string()}}}}}};
    const Client client(library, world, config);
    return client.opened();
  };
  const Children children(way);
  for (int i = 0; i < 8; ++i) {
    const Said good = state_with("good" + std::to_string(i), (i % 2 == 0 ? "sleep 0.03; echo " : "echo ") + key);
    CHECK_SAID(good.status == CORDON_OK, good.text);
  }
  const auto fails = [&](const char *name, const std::string &script) {
    const Said failed = state_with(name, script);
    CHECK_SAID(failed.status == CORDON_E_VAULT_LOCKED || failed.status == CORDON_E_VAULT_WRONG_KEY, failed.text);
  };
  fails("silent", "exit 3");
  fails("half", "printf aaaa; kill -9 $$");
  if (way == "default") {  // otherwise nobody can know how it ended
    fails("lies", "echo " + key + "; exit 3");
    fails("dies", "echo " + key + "; kill -9 $$");
  }
}

/// The host's own child keeps its exit status for the host, and Cordon leaves none of its own.
SCENARIO(no_child_is_taken_or_left) {
  const Library library(world.library);
  const auto helper = world.directory / "helper.sh";
  write_program(helper, "#!/bin/sh\necho " + std::string(64, 'b') + "\n");
  const pid_t own = fork();
  if (own == 0) _exit(42);
  nlohmann::json config = world.config;
  config["vault"] = {{"file", (world.directory / "vault").string()}, {"unlock", {{{"exec", {helper.string()}}}}}};
  {
    const Client client(library, world, config);
    expect_acts(client, world.machines.at(0));
  }
  int status = 0;
  CHECK(waitpid(own, &status, 0) == own && WIFEXITED(status) && WEXITSTATUS(status) == 42);
  errno = 0;
  CHECK(waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD);
}

/// A limit on the size of files: an error, and no signal; work goes on when there is room again.
SCENARIO(file_size_limit) {
  if (world.arguments.at(0) == "handled") handle(SIGXFSZ);
  const auto limit_to = [](rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  };
  const Library library(world.library);
  limit_to(8192);
  {
    nlohmann::json config = world.config;
    config["state_dir"] = (world.directory / "small").string();
    const Client refused(library, world, config);
    CHECK_SAID(refused.opened().status == CORDON_E_LEDGER, refused.opened().text);
    CHECK_SAID(refused.opened().text.find("file size limit") != std::string::npos, refused.opened().text);
  }
  limit_to(RLIM_INFINITY);
  {
    const Client client(library, world);
    expect_acts(client, world.machines.at(0));
    limit_to(4096);
    const Said refused = client.act(world.machines.at(1));
    CHECK_SAID(refused.status == CORDON_E_LEDGER, refused.text);
    CHECK_SAID(refused.text.find("file size limit") != std::string::npos, refused.text);
    limit_to(RLIM_INFINITY);
    expect_acts(client, world.machines.at(2));
    limit_to(4096);
  }
  limit_to(RLIM_INFINITY);
  CHECK(g_handled == 0);
  sigset_t pending;
  sigpending(&pending);
  CHECK(sigismember(&pending, SIGXFSZ) == 0);
}

}  // namespace
}  // namespace cordon::test

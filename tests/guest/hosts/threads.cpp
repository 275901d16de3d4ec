// The host's threads: such with small stacks, and such that are cancelled within a call.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

#include "guest/hosts/host.hpp"
#include "support/sanitized.hpp"

namespace cordon::test {
namespace {

/// A stack of its own for one thread, between two pages that can't be touched.
class Stack {
 public:
  explicit Stack(std::size_t size) : size_(size), page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    all_ = static_cast<char *>(
        mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));
    mprotect(all_ + page_, size_, PROT_READ | PROT_WRITE);
    std::memset(all_ + page_, kPaint, size_);
  }
  ~Stack() { munmap(all_, size_ + 2 * page_); }
  Stack(const Stack &) = delete;
  Stack &operator=(const Stack &) = delete;

  void run(std::function<void()> body) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstack(&attributes, all_ + page_, size_) == 0);
    pthread_t thread{};
    const int failed = pthread_create(
        &thread, &attributes,
        [](void *function) -> void * {
          (*static_cast<std::function<void()> *>(function))();
          return nullptr;
        },
        &body);
    CHECK(failed == 0);
    if (failed == 0) pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
  }
  std::size_t used() const {
    const char *begin = all_ + page_;
    return size_ -
           static_cast<std::size_t>(std::find_if(begin, begin + size_, [](char c) { return c != kPaint; }) - begin);
  }

 private:
  static constexpr char kPaint = 0x5a;
  std::size_t size_;
  std::size_t page_;
  char *all_;
};

/// Calls with as little of its own on the stack as can be. Every function of the table, and refusals of each.
class Caller {
 public:
  Caller(const Library &library, const World &world) : api_(library.api()), world_(world) {
    std::ofstream(world.directory / "vault.key") << std::string(64, 'c');
    std::filesystem::permissions(world.directory / "vault.key", std::filesystem::perms::owner_read);
    nlohmann::json config = world.config;
    config["vault"] = {{"file", (world.directory / "vault").string()},
                       {"unlock", {{{"key_file", (world.directory / "vault.key").string()}}}}};
    config_ = config.dump();
    config["no_such_member"] = 1;
    wrong_ = config.dump();
    config.erase("no_such_member");
    config["state_dir"] = "/proc/nowhere";
    elsewhere_ = config.dump();
    deep_ = std::string(100'000, '[');
    long_ = std::string(200'000, 'x');
    of_machine_ = R"({"machine_id":")" + world.machines.at(0) + "\"}";
    hunted_ = R"({"filter":")" + std::string(50'000, '(') + "\"}";
  }

  void discover() {
    CHECK(api_->version() != nullptr && api_->manifest() != nullptr && api_->status_name(-1) != nullptr);
  }
  void life() {
    refused(api_->init(2'000'000, config_.c_str(), nullptr, &error_));
    for (const std::string *bad : {&wrong_, &elsewhere_, &deep_, &long_})
      refused(api_->init(api_->abi_version, bad->c_str(), nullptr, &error_));
    good(api_->init(api_->abi_version, config_.c_str(), &client_, &error_));
    good(api_->secret_set(client_, world_.secret_name.c_str(), world_.secret.data(), world_.secret.size(), &error_));
    good(api_->reload(client_, config_.c_str(), &error_));
    for (const std::string *bad : {&wrong_, &elsewhere_, &deep_}) refused(api_->reload(client_, bad->c_str(), &error_));
  }
  void act() {
    const char *machine = world_.machines.at(0).c_str();
    good(api_->restrict_code_execution(client_, machine, "small", nullptr, 60'000, &text_, &error_));
    good(api_->restrict_code_execution(client_, machine, "small", R"({"until":"finished"})", 60'000, &text_, &error_));
    refused(api_->restrict_code_execution(client_, long_.c_str(), long_.c_str(), deep_.c_str(), 1, &text_, &error_));
    refused(api_->stop_and_quarantine(client_, machine, "beef", "small", nullptr, 60'000, &text_, &error_));
    good(api_->stop_and_quarantine(client_, machine, "3395856ce81f2b7382dee72602f798b642f14140", "small",
                                   R"({"dry_run":true})", 60'000, &text_, &error_),
         true);
    refused(api_->poll_action(client_, "no such action", nullptr, 0, &text_, &error_));
    for (const char *operation :
         {"health", "preflight", "quota", "list_requests", "audit_verify", "ledger_check", "get_machine"})
      good(api_->call(client_, operation, of_machine(operation), 60'000, &text_, &error_), true);
    refused(api_->call(client_, "find_machines", hunted_.c_str(), 60'000, &text_, &error_));
    refused(api_->call(client_, "health", deep_.c_str(), 60'000, &text_, &error_));
    refused(api_->call(client_, long_.c_str(), long_.c_str(), 60'000, &text_, &error_));
  }
  void asynchronous() {
    good(api_->submit(
             client_, "isolate",
             (R"({"machine_id":")" + world_.offline + R"(","comment":"small","isolation_type":"Full"})").c_str(),
             &text_, &error_),
         true);
    refused(api_->submit(client_, "isolate", "{}", &text_, &error_));
    good(api_->next_event(client_, nullptr, 10'000, &text_, &error_));
    refused(api_->next_event(client_, deep_.c_str(), 0, &text_, &error_));
    std::int32_t fd = -1;
    good(api_->event_fd(client_, &fd, &error_));
    close(fd);
    refused(api_->withdraw(client_, "00000000-0000-4000-8000-000000000000", &error_));
    refused(api_->interrupt(client_, "nobody", &error_));
  }
  void vault() {
    refused(api_->vault_unlock(client_, "key", "short", 5, &error_));
    refused(api_->vault_unlock(client_, "passphrase", "no slot has it", 14, &error_));
    good(api_->vault_rekey(client_, R"({"action":"add_slot","kind":"passphrase","passes":1,"memory_kib":65536})",
                           "correct horse", 13, 60'000, &error_));
    good(api_->vault_unlock(client_, "passphrase", "correct horse", 13, &error_));
    good(api_->vault_rekey(client_, nullptr, nullptr, 0, 60'000, &error_));
    refused(api_->vault_rekey(client_, deep_.c_str(), nullptr, 0, 60'000, &error_));
    refused(api_->secret_set(client_, long_.c_str(), "v", 1, &error_));
    good(api_->secret_set(client_, "gone", "v", 1, &error_));
    good(api_->secret_remove(client_, "gone", &error_));
    refused(api_->secret_remove(client_, "gone", &error_));
    good(api_->vault_status(client_, &text_, &error_));
  }
  void end() {
    good(api_->shutdown(client_, -1, &error_));
    refused(api_->call(client_, "health", "{}", 1'000, &text_, &error_));
    api_->client_free(client_);
    refused(api_->call(client_, "health", "{}", 1'000, &text_, &error_));
  }

 private:
  const char *of_machine(const char *operation) const {
    return std::strcmp(operation, "get_machine") == 0 ? of_machine_.c_str() : "{}";
  }
  void good(std::int32_t status, bool any_condition = false) {
    const bool fits = status == CORDON_OK || status == CORDON_PENDING || (any_condition && status > 0);
    CHECK_SAID(fits, error_ != nullptr ? api_->error_json(error_) : api_->status_name(status));
    give_back();
  }
  void refused(std::int32_t status) {
    CHECK_SAID(status < 0 && error_ != nullptr && api_->error_status(error_) == status, api_->status_name(status));
    CHECK(std::strlen(api_->error_message(error_)) > 0 && std::strlen(api_->error_json(error_)) > 0);
    give_back();
  }
  void give_back() {
    api_->string_free(text_);
    api_->error_free(error_);
    text_ = nullptr;
    error_ = nullptr;
  }

  const cordon_api_v1 *api_;
  const World &world_;
  std::string config_, wrong_, elsewhere_, deep_, long_, of_machine_, hunted_;
  cordon_client *client_ = nullptr;
  char *text_ = nullptr;
  cordon_error *error_ = nullptr;
};

SCENARIO(small_stack) {
  if (kSanitized) std::exit(77);  // its frames are several times as large
  const Library library(world.library);
  Caller caller(library, world);
  const std::pair<const char *, void (Caller::*)()> parts[] = {
      {"discover", &Caller::discover},         {"life", &Caller::life},   {"act", &Caller::act},
      {"asynchronous", &Caller::asynchronous}, {"vault", &Caller::vault}, {"end", &Caller::end}};
  std::size_t most = 0;
  for (const auto &[name, part] : parts) {
    Stack stack(64 * 1024);
    stack.run([&caller, part = part] { (caller.*part)(); });
    std::printf("%s: %zu bytes of the stack\n", name, stack.used());
    std::fflush(stdout);
    most = std::max(most, stack.used());
  }
  // The thread's own data (TLS of the host and its libraries) lies on the same stack.
  CHECK_SAID(most <= 48 * 1024, std::to_string(most));
}

/// A thread that is cancelled in the middle of a call: the call ends as any, and then the thread.
struct Cancelled {
  std::atomic<bool> began{false};
  std::atomic<bool> returned{false};
  std::atomic<bool> went_on{false};
};

bool cancel_during(int type, int after_us, const std::function<void()> &call) {
  Cancelled seen;
  std::thread thread([&] {
    pthread_setcanceltype(type, nullptr);
    seen.began = true;
    call();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    seen.returned = true;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
    pthread_testcancel();
    seen.went_on = true;
  });
  while (!seen.began) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::microseconds(after_us));  // the moment is what is tried; any will do
  const bool in_time = !seen.returned && pthread_cancel(thread.native_handle()) == 0;
  thread.join();
  CHECK(!in_time || seen.returned || type == PTHREAD_CANCEL_ASYNCHRONOUS);
  return in_time && !seen.went_on;
}

SCENARIO(cancelled_in_calls) {
  const Library library(world.library);
  const Client client(library, world);
  CHECK_SAID(client.opened().status == CORDON_OK, client.opened().text);
  int hit = 0;
  for (int i = 0; i < 24; ++i) {
    const std::string &machine = world.machines.at(static_cast<std::size_t>(i));
    hit += cancel_during(PTHREAD_CANCEL_DEFERRED, 150 * i, [&] {
      const Said acted = client.act(machine);
      CHECK_SAID(acted.status == CORDON_PENDING || acted.status == CORDON_OK, acted.text);
    });
    hit += cancel_during(PTHREAD_CANCEL_DEFERRED, 100 * i, [&] {
      CHECK(client.call("get_machine", (R"({"machine_id":")" + machine + "\"}").c_str()).status == CORDON_OK);
    });
    hit += cancel_during(PTHREAD_CANCEL_DEFERRED, 500,
                         [&] { library->next_event(client.handle(), R"({"after":1000000})", 20, nullptr, nullptr); });
    // An init with all it opens, and its end.
    nlohmann::json config = world.config;
    config["state_dir"] = (world.directory / ("cancelled" + std::to_string(i))).string();
    hit += cancel_during(PTHREAD_CANCEL_DEFERRED, 300 * i, [&] {
      CHECK(library->init(library->abi_version, config.dump().c_str(), nullptr, nullptr) == CORDON_OK);
    });
  }
  CHECK_SAID(hit >= 24, std::to_string(hit));
  // Nothing is held that others need.
  expect_acts(client, world.machines.at(30));
  CHECK(library->shutdown(client.handle(), -1, nullptr) == CORDON_OK);
}

}  // namespace
}  // namespace cordon::test

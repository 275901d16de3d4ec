// canary_host <config file>: a host that is told secrets on standard input, uses them in every way, and then
// waits to be looked at: it prints "ready" and, when its input ends, aborts, which makes a core dump.
//
// Input: for each of key, passphrase, another passphrase, client secret and user:password of the proxy, "<size>\n" and
// the bytes. They lie in memory that is left out of core dumps, so that what a dump shows was copied by the library.
#include <cordon.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace {

struct Told {
  char *bytes;
  std::size_t size;
};

/// One page for all that is told.
class Confidence {
 public:
  Confidence() {
    page_ = static_cast<char *>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (page_ == MAP_FAILED || madvise(page_, kSize, MADV_DONTDUMP) != 0) std::_Exit(3);
  }
  Told next() {
    std::size_t size = 0;
    for (char digit = 0; read_exactly(&digit, 1) && digit != '\n';)
      size = 10 * size + static_cast<std::size_t>(digit - '0');
    Told told{page_ + used_, size};
    used_ += size;
    if (used_ > kSize || !read_exactly(told.bytes, size)) std::_Exit(3);
    return told;
  }
  void wait_for_end() {
    char more = 0;
    while (read_exactly(&more, 1)) {
    }
  }

 private:
  static constexpr std::size_t kSize = 4096;
  static bool read_exactly(char *to, std::size_t size) {
    while (size > 0) {
      const ssize_t n = read(STDIN_FILENO, to, size);
      if (n <= 0) return false;
      to += n;
      size -= static_cast<std::size_t>(n);
    }
    return true;
  }
  char *page_;
  std::size_t used_ = 0;
};

void expect(const char *what, std::int32_t status, std::int32_t expected, cordon_error *error) {
  if (status == expected) return cordon_error_free(error);
  std::printf("%s: %s %s\n", what, cordon_status_name(status), cordon_error_json(error));
  std::fflush(stdout);
  std::_Exit(1);
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  std::ifstream file(argv[1]);
  const std::string config{std::istreambuf_iterator<char>(file), {}};
  Confidence confidence;
  const Told key = confidence.next(), passphrase = confidence.next(), other = confidence.next(),
             secret = confidence.next(), login = confidence.next();
  cordon_client *client = nullptr;
  cordon_error *error = nullptr;
  char *text = nullptr;
  const auto act_for = [&](const char *tenant, const std::string &device, std::int32_t timeout_ms) {
    const std::string options = std::string(R"({"tenant":")") + tenant + "\"}";
    const std::int32_t status =
        cordon_restrict_code_execution(client, device.c_str(), "c", options.c_str(), timeout_ms, &text, &error);
    cordon_string_free(text);
    return status;
  };
  const auto act = [&](const std::string &device) { return act_for("contoso", device, 60'000); };
  const auto call = [&](const char *operation, const char *request) {
    const std::int32_t status = cordon_call(client, operation, request, 30'000, &text, &error);
    cordon_string_free(text);
    return status;
  };
  const auto device = [](char digit) { return std::string(40, digit); };
  const auto rekey = [&](const char *options, Told with) {
    return cordon_vault_rekey(client, options, with.bytes, with.size, -1, &error);
  };
  constexpr Told kNothing{nullptr, 0};
  constexpr const char *kPassphrase = R"({"action":"%s","kind":"passphrase","passes":1,"memory_kib":65536})";
  char add[128], replace[128];
  std::snprintf(add, sizeof add, kPassphrase, "add_slot");
  std::snprintf(replace, sizeof replace, kPassphrase, "replace_slot");

  expect("init", cordon_init(CORDON_ABI_VERSION, config.c_str(), &client, &error), CORDON_OK, error);
  expect("unlock", cordon_vault_unlock(client, "key", key.bytes, key.size, &error), CORDON_OK, error);
  expect("set", cordon_secret_set(client, "app", secret.bytes, secret.size, &error), CORDON_OK, error);
  expect("set", cordon_secret_set(client, "proxy", login.bytes, login.size, &error), CORDON_OK, error);
  expect("act", act(device('a')), CORDON_OK, error);
  expect("add", rekey(add, passphrase), CORDON_OK, error);
  expect("wrong", cordon_vault_unlock(client, "passphrase", other.bytes, other.size, &error), CORDON_E_VAULT_WRONG_KEY,
         error);
  expect("replace", rekey(replace, other), CORDON_OK, error);
  expect("other", cordon_vault_unlock(client, "passphrase", other.bytes, other.size, &error), CORDON_OK, error);
  expect("rotate", rekey(R"({"action":"rotate"})", kNothing), CORDON_OK, error);
  expect("set again", cordon_secret_set(client, "app", secret.bytes, secret.size, &error), CORDON_OK, error);
  expect("refused", cordon_secret_set(client, "a b", secret.bytes, secret.size, &error), CORDON_E_INVALID_ARGUMENT,
         error);
  expect("no such device", act("short"), CORDON_E_INVALID_ARGUMENT, error);
  expect("login", call("login", R"({"options":{"tenant":"people"}})"), CORDON_PENDING, error);
  expect("signed in", call("login_status", R"({"wait":true,"options":{"tenant":"people"}})"), CORDON_OK, error);
  for (const char *tenant : {"contoso", "federated", "helped", "certified", "people"}) {
    expect(tenant, act_for(tenant, device('a'), 30'000), CORDON_OK, error);
    expect("forbidden", act_for(tenant, device('b'), 30'000), CORDON_E_PERMISSION_DENIED, error);
    expect("a new token, refused too", act_for(tenant, device('e'), 30'000), CORDON_E_UNAUTHENTICATED, error);
  }
  for (const char digit : {'c', 'd', 'f'})
    expect("lost", act_for("contoso", device(digit), 1'000), CORDON_E_OUTCOME_UNKNOWN, error);
  expect("preflight", call("preflight", nullptr), CORDON_OK, error);
  expect("status", cordon_vault_status(client, &text, &error), CORDON_OK, error);
  cordon_string_free(text);
  expect("health", cordon_call(client, "health", nullptr, -1, &text, &error), CORDON_OK, error);
  cordon_string_free(text);

  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &unlimited);
  std::puts("ready");
  std::fflush(stdout);
  confidence.wait_for_end();
  std::abort();
}

// vault_worker <config file> <name> <first number> <acknowledgements> [once <action>]
//
// A host that changes its vault for as long as it lives: stores counters as the secret `name`, adds and removes key
// slots, rotates the store key. Each counter that was stored is appended to the file of acknowledgements. It is there
// to be killed. With "once" it makes one change, after the mark for the syscall killer. Exits 1, with a line on
// standard error, at an error that nothing excuses.
#include <cordon.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "base/json.hpp"
#include "support/syscall_killer.hpp"

namespace {

using cordon::Json;

[[noreturn]] void die(const char *what, cordon_error *error) {
  std::fprintf(stderr, "vault_worker: %s: %s\n", what, cordon_error_json(error));
  std::_Exit(1);
}

class Worker {
 public:
  Worker(cordon_client *client, std::string name, const char *acknowledgements)
      : client_(client), name_(std::move(name)), acknowledgements_(acknowledgements, std::ios::app) {}

  void store(long number) {
    const std::string value = std::to_string(number);
    cordon_error *error = nullptr;
    if (cordon_secret_set(client_, name_.c_str(), value.data(), value.size(), &error) != CORDON_OK)
      die("cordon_secret_set", error);
    acknowledgements_ << value << std::endl;
  }
  void add_slot() {
    std::string key(32, '\0');
    for (char &byte : key) byte = static_cast<char>(chance_());
    rekey({{"action", "add_slot"}, {"kind", "key"}}, key);
  }
  void remove_slot() {
    const Json others = slots_but_the_first();
    if (!others.empty()) rekey({{"action", "remove_slot"}, {"slot", others[0]}}, "");
  }
  void rotate() { rekey({{"action", "rotate"}, {"drop_slots", slots_but_the_first()}}, ""); }

  void step(long number) {
    store(number);
    switch (chance_() % 6) {
      case 0:
        return rotate();
      case 1:
      case 2:
        return add_slot();
      case 3:
        return remove_slot();
      default:
        return;
    }
  }

 private:
  /// What another worker did between looking and changing excuses an error.
  void rekey(const Json &options, const std::string &key) {
    cordon_error *error = nullptr;
    const std::int32_t status = cordon_vault_rekey(client_, options.dump().c_str(), key.data(), key.size(), -1, &error);
    if (status != CORDON_OK && status != CORDON_E_NOT_FOUND && status != CORDON_E_INVALID_STATE)
      die(options.dump().c_str(), error);
    cordon_error_free(error);
  }
  Json slots_but_the_first() {
    char *text = nullptr;
    cordon_error *error = nullptr;
    if (cordon_vault_status(client_, &text, &error) != CORDON_OK) die("cordon_vault_status", error);
    const Json status = Json::parse(text);
    cordon_string_free(text);
    Json ids = Json::array();
    for (std::size_t i = 1; i < status["slots"].size(); ++i) ids.push_back(status["slots"][i]["id"]);
    return ids;
  }

  cordon_client *client_;
  std::string name_;
  std::ofstream acknowledgements_;
  std::random_device chance_;
};

}  // namespace

int main(int argc, char **argv) {
  if (argc != 5 && argc != 7) return 2;
  std::ifstream file(argv[1]);
  const std::string config{std::istreambuf_iterator<char>(file), {}};
  cordon_client *client = nullptr;
  cordon_error *error = nullptr;
  if (cordon_init(CORDON_ABI_VERSION, config.c_str(), &client, &error) != CORDON_OK) die("cordon_init", error);
  Worker worker(client, argv[2], argv[4]);
  long number = std::atol(argv[3]);
  if (argc == 7) {
    cordon::test::mark_for_syscall_killer();
    if (std::string(argv[6]) == "rotate")
      worker.rotate();
    else
      worker.store(number);
    std::_Exit(0);
  }
  while (true) worker.step(number++);
}

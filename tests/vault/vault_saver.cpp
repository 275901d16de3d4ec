// vault_saver <directory> <set|rotate|change-key> <value>: one change of the vault in `directory` (vault.key,
// credentials.cordon), to be killed anywhere after the mark. Exits 0 when it was made.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "support/syscall_killer.hpp"
#include "vault/vault.hpp"

namespace {

using namespace cordon;
using namespace cordon::vault;

std::string read_key(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int run(const std::string &directory, const std::string &action, const std::string &value) {
  SystemClock clock;
  SystemRandom random;
  Settings settings;
  settings.file = directory + "/credentials.cordon";
  settings.unlock.push_back(KeySource::key_file(directory + "/vault.key"));
  const auto vault = Vault::open(settings, random, clock);
  if (!vault) return 2;
  RekeyRequest request;
  Secret fresh;
  if (action == "change-key") {
    request.action = RekeyRequest::Action::ReplaceSlot;
    request.kind = Credential::Kind::Key;
    fresh = Secret(read_key(directory + "/next.key"));
  }
  test::mark_for_syscall_killer();
  const bool done = action == "set" ? (*vault)->set("app", Secret(value)).has_value()
                                    : (*vault)->rekey(request, std::move(fresh), milliseconds(10'000)).has_value();
  return done ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 4) return 3;
  std::_Exit(run(argv[1], argv[2], argv[3]));  // no leak check: LeakSanitizer can't run while it is traced
}

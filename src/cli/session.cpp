#include "cli/session.hpp"

#include <memory>

#include "cli/files.hpp"
#include "cli/report.hpp"

namespace cordon::cli {

int in_session(const Globals &globals, const std::function<int(cordon_client *, const Interrupts &)> &work) {
  const std::string config = globals.config_file.empty() ? std::string() : read_text(globals.config_file);
  std::unique_ptr<SecretBytes> passphrase;
  if (globals.ask_passphrase) {
    passphrase = std::make_unique<SecretBytes>();
    passphrase->ask("Passphrase of the vault: ");
  }
  Interrupts interrupts;
  Client client;
  if (const Reply opened = client.open(globals.config_file.empty() ? nullptr : config.c_str()); opened.status < 0)
    return report(opened, "open");
  interrupts.watch(client.get());
  if (passphrase != nullptr) {
    const Reply unlocked = ask([&](char **, cordon_error **error) {
      return cordon_vault_unlock(client.get(), "passphrase", passphrase->data(), passphrase->size(), error);
    });
    passphrase.reset();
    if (unlocked.status < 0) return report(unlocked, "unlock the vault");
  }
  return work(client.get(), interrupts);
}

int call_and_report(const Globals &globals, std::string_view what,
                    const std::function<std::int32_t(cordon_client *, char **, cordon_error **)> &call) {
  return in_session(globals, [&](cordon_client *client, const Interrupts &) {
    return report(ask([&](char **out, cordon_error **error) { return call(client, out, error); }), what);
  });
}

}  // namespace cordon::cli

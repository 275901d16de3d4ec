#include "cli/session.hpp"

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/files.hpp"
#include "cli/report.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

/// The vault's state if the configuration wants the passphrase asked for and there is a terminal; else empty.
std::string state_to_ask_in(cordon_client *client) {
  if (!has_terminal()) return "";
  const Reply status = ask([&](char **out, cordon_error **error) { return cordon_vault_status(client, out, error); });
  const Json document = Json::parse(status.text(), nullptr, false);
  if (!document.is_object() || !document.contains("sources") || !document.contains("state")) return "";
  for (const Json &source : document["sources"])
    if (source.value("kind", Json()) == "prompt") return document["state"].get<std::string>();
  return "";
}

Reply unlock(cordon_client *client, const SecretBytes &passphrase) {
  return ask([&](char **, cordon_error **error) {
    return cordon_vault_unlock(client, "passphrase", passphrase.data(), passphrase.size(), error);
  });
}

}  // namespace

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
  const std::string state = passphrase == nullptr ? state_to_ask_in(client.get()) : "";
  if (state == "locked" || state == "rolled_back") {
    passphrase = std::make_unique<SecretBytes>();
    passphrase->ask("Passphrase of the vault: ");
  }
  if (passphrase != nullptr) {
    const Reply unlocked = unlock(client.get(), *passphrase);
    passphrase.reset();
    // An older copy is refused with this status; the command says the same, unless it is the one that accepts it.
    if (unlocked.status < 0 && unlocked.status != CORDON_E_VAULT_CORRUPT) return report(unlocked, "unlock the vault");
  }
  return work(client.get(), interrupts);
}

int call_and_report(const Globals &globals, std::string_view what,
                    const std::function<std::int32_t(cordon_client *, char **, cordon_error **)> &call) {
  return in_session(globals, [&](cordon_client *client, const Interrupts &) {
    return report(ask([&](char **out, cordon_error **error) { return call(client, out, error); }), what);
  });
}

void offer_first_passphrase(cordon_client *client) {
  if (state_to_ask_in(client) != "missing") return;
  SecretBytes passphrase;
  ask_new_passphrase(passphrase);
  if (const Reply unlocked = unlock(client, passphrase); unlocked.status < 0)
    throw Failure(cordon_error_message(unlocked.error.get()));
}

}  // namespace cordon::cli

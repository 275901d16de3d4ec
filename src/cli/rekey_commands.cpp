// Changes of the vault's key slots and its store key: each command is one call of cordon_vault_rekey.

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "cli/files.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

struct Rekey {
  std::string slot;
  std::string file;
  std::string key_file;
  std::vector<std::string> drop_slots;
  std::optional<int> passes;
  std::optional<int> memory_mib;

  Json options(const char *action) const {
    Json json{{"action", action}};
    if (!slot.empty()) json["slot"] = slot;
    if (!drop_slots.empty()) json["drop_slots"] = drop_slots;
    if (passes) json["passes"] = *passes;
    if (memory_mib) json["memory_kib"] = *memory_mib * 1024;
    return json;
  }
};
using Shared = std::shared_ptr<Rekey>;

int rekey(const Globals &globals, const std::string &what, const Json &options, const SecretBytes &secret) {
  const std::string text = options.dump(-1, ' ', false, Json::error_handler_t::replace);
  return call_and_report(globals, what, [&](cordon_client *client, char **, cordon_error **error) {
    return cordon_vault_rekey(client, text.c_str(), secret.data(), secret.size(), -1, error);
  });
}

/// add-key, change-key, add-passphrase, change-passphrase: one new secret, perhaps in place of a slot.
void add_new_secret(CLI::App &vault, const Globals &globals, int &result, const std::string &name, bool passphrase,
                    bool replace) {
  const Shared given = std::make_shared<Rekey>();
  const std::string kind = passphrase ? "passphrase" : "key";
  auto *command = vault.add_subcommand(
      name, replace ? "Replace a slot by one for a new " + kind + ", in one step" : "Add a slot for a " + kind);
  command
      ->add_option("--from-file", given->file, "file that holds the " + kind + "; default: standard input, or a prompt")
      ->type_name(kFile);
  if (replace) command->add_option("--slot", given->slot, "the slot that goes; default: the only one of its kind");
  if (passphrase) {
    command->add_option("--passes", given->passes, "passes of Argon2id, 1 to 10; default 3");
    command->add_option("--memory-mib", given->memory_mib, "its memory, 64 to 1024 MiB; default 256");
  }
  command->callback([&globals, &result, given, name, kind, passphrase, replace] {
    SecretBytes secret;
    if (passphrase)
      read_new_passphrase(secret, given->file);
    else
      read_secret(secret, given->file, "New key (64 hex digits): ");
    Json options = given->options(replace ? "replace_slot" : "add_slot");
    options["kind"] = kind;
    result = rekey(globals, "vault " + name, options, secret);
  });
}

void add_remove_slot(CLI::App &vault, const Globals &globals, int &result) {
  const Shared given = std::make_shared<Rekey>();
  auto *command = vault.add_subcommand(
      "remove-slot", "Remove a slot. Who held its key may have kept the store key: to shut them out, rotate as well");
  command->add_option("ID", given->slot, "the slot, as status lists it")->required();
  command->callback([&globals, &result, given] {
    result = rekey(globals, "vault remove-slot " + given->slot, given->options("remove_slot"), SecretBytes());
  });
}

void add_rotate(CLI::App &vault, const Globals &globals, int &result) {
  const Shared given = std::make_shared<Rekey>();
  auto *command = vault.add_subcommand(
      "rotate",
      "Make a new store key. Slots whose key or passphrase is at hand stay (--ask-passphrase brings one); the others "
      "must be dropped by name");
  command->add_option("--drop-slot", given->drop_slots, "a slot that goes; may be given again")
      ->allow_extra_args(false);
  command->add_option("--new-key-file", given->key_file, "also add a slot for this key")->type_name(kFile);
  command->callback([&globals, &result, given] {
    SecretBytes secret;
    Json options = given->options("rotate");
    if (!given->key_file.empty()) {
      read_secret(secret, given->key_file, "");
      options["kind"] = "key";
    }
    result = rekey(globals, "vault rotate", options, secret);
  });
}

}  // namespace

void add_rekey_commands(CLI::App &vault, const Globals &globals, int &result) {
  add_new_secret(vault, globals, result, "add-key", false, false);
  add_new_secret(vault, globals, result, "add-passphrase", true, false);
  add_new_secret(vault, globals, result, "change-key", false, true);
  add_new_secret(vault, globals, result, "change-passphrase", true, true);
  add_remove_slot(vault, globals, result);
  add_rotate(vault, globals, result);
  vault.add_subcommand("accept-restored", "Go on with an older copy of the vault that was put in place on purpose")
      ->callback([&globals, &result] {
        result = rekey(globals, "vault accept-restored", Rekey().options("accept_restored"), SecretBytes());
      });
}

}  // namespace cordon::cli

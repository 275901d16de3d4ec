#include <memory>
#include <nlohmann/json.hpp>

#include "cli/files.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

void add_secret_set(CLI::App &parent, const Globals &globals, int &result) {
  struct Set {
    std::string name;
    std::string file;
  };
  auto set = std::make_shared<Set>();
  auto *command = parent.add_subcommand(
      "set", "Store a secret, from a file, standard input, or a prompt; a single line loses its line end");
  command->add_option("NAME", set->name, "as the configuration calls it")->required();
  command->add_option("--from-file", set->file, "file that holds it");
  command->callback([&globals, &result, set] {
    SecretBytes secret;
    read_secret(secret, set->file, "Secret " + set->name + ": ");
    result =
        call_and_report(globals, "secret set " + set->name, [&](cordon_client *client, char **, cordon_error **error) {
          return cordon_secret_set(client, set->name.c_str(), secret.data(), secret.size(), error);
        });
  });
}

void add_secret_remove(CLI::App &parent, const Globals &globals, int &result) {
  auto name = std::make_shared<std::string>();
  auto *command = parent.add_subcommand("remove", "Remove a secret");
  command->add_option("NAME", *name, "the secret")->required();
  command->callback([&globals, &result, name] {
    result =
        call_and_report(globals, "secret remove " + *name, [&](cordon_client *client, char **, cordon_error **error) {
          return cordon_secret_remove(client, name->c_str(), error);
        });
  });
}

void add_new_key(CLI::App &parent, int &result) {
  auto path = std::make_shared<std::string>();
  auto *command = parent.add_subcommand("new-key", "Make a key file: 32 random bytes as 64 hex digits, mode 0600");
  command->add_option("FILE", *path, "a path where nothing is yet")->required();
  command->callback([&result, path] {
    write_new_key(*path);
    tell("vault new-key: made " + *path + "; keep a copy where the vault's copies are not");
    print_json(Json{{"key_file", *path}}.dump(-1, ' ', false, Json::error_handler_t::replace));
    result = 0;
  });
}

}  // namespace

void add_vault_commands(CLI::App &app, const Globals &globals, int &result) {
  auto *secret =
      app.add_subcommand("secret", "Secrets of the vault: they go in and never come out")->require_subcommand(1);
  add_secret_set(*secret, globals, result);
  add_secret_remove(*secret, globals, result);

  auto *vault = app.add_subcommand("vault", "The vault itself")->require_subcommand(1);
  vault->add_subcommand("status", "Names of the secrets and key slots, never values")->callback([&] {
    result = call_and_report(globals, "vault status", [](cordon_client *client, char **out, cordon_error **error) {
      return cordon_vault_status(client, out, error);
    });
  });
  add_new_key(*vault, result);
}

}  // namespace cordon::cli

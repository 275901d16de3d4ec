#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "cli/files.hpp"
#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

/// Whether it looks like a time, before anything is stored; the library reads it in full.
std::string check_time(const std::string &text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  const auto fits = [](char form, char c) {
    return form == '0' ? c >= '0' && c <= '9' : c == form || (form == 'T' && c == 't');
  };
  if (text.empty() || (text.size() > kForm.size() && std::equal(kForm.begin(), kForm.end(), text.begin(), fits)))
    return "";
  return "must be a time in UTC such as 2027-01-31T00:00:00Z, or \"\" for no end";
}

/// What a secret is stored with.
struct Note {
  std::optional<std::string> purpose;
  std::optional<std::string> not_after;

  void add_to(CLI::App &command) {
    command.add_option("--purpose", purpose, "what it is for, for people");
    command
        .add_option("--not-after", not_after,
                    "when it ends, e.g. 2027-01-31T00:00:00Z; status and health warn in time; \"\" for no end")
        ->check(check_time);
  }
  bool given() const { return purpose || not_after; }
  std::string request(const std::string &name) const {
    Json json{{"name", name}};
    if (purpose) json["purpose"] = *purpose;
    if (not_after) json["not_after"] = not_after->empty() ? Json(nullptr) : Json(*not_after);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
};

Reply describe(cordon_client *client, const std::string &name, const Note &note) {
  return ask([&](char **out, cordon_error **error) {
    return cordon_call(client, "describe_secret", note.request(name).c_str(), -1, out, error);
  });
}

struct Set {
  std::string name;
  std::string file;
  Note note;
};

int store(cordon_client *client, const Set &set, const SecretBytes &secret) {
  const std::string what = "secret set " + set.name;
  const Reply stored = ask([&](char **, cordon_error **error) {
    return cordon_secret_set(client, set.name.c_str(), secret.data(), secret.size(), error);
  });
  if (stored.status != CORDON_OK || !set.note.given()) return report(stored, what);
  const Reply described = describe(client, set.name, set.note);
  return report(described, described.status == CORDON_OK ? what : what + ": the secret was stored; its description");
}

void add_secret_set(CLI::App &parent, const Globals &globals, int &result) {
  auto set = std::make_shared<Set>();
  auto *command = parent.add_subcommand(
      "set", "Store a secret, from a file, standard input, or a prompt; a single line loses its line end");
  command->add_option("NAME", set->name, "as the configuration calls it")->required();
  command->add_option("--from-file", set->file, "file that holds it")->type_name(kFile);
  set->note.add_to(*command);
  command->callback([&globals, &result, set] {
    SecretBytes secret;
    read_secret(secret, set->file, "Secret " + set->name + ": ");
    result = in_session(globals, [&](cordon_client *client, const Interrupts &) {
      offer_first_passphrase(client);
      return store(client, *set, secret);
    });
  });
}

void add_secret_describe(CLI::App &parent, const Globals &globals, int &result) {
  auto name = std::make_shared<std::string>();
  auto note = std::make_shared<Note>();
  auto *command = parent.add_subcommand("describe", "Say what a stored secret is for and when it ends");
  command->add_option("NAME", *name, "the secret")->required();
  note->add_to(*command);
  command->callback([&globals, &result, name, note] {
    result = in_session(globals, [&](cordon_client *client, const Interrupts &) {
      return report(describe(client, *name, *note), "secret describe " + *name);
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
  command->add_option("FILE", *path, "a path where nothing is yet")->type_name(kFile)->required();
  command->callback([&result, path] {
    write_new_key(*path);
    tell("vault new-key: made " + *path + "; keep a copy where the vault's copies are not");
    print_json(Json{{"key_file", *path}}.dump(-1, ' ', false, Json::error_handler_t::replace));
    result = 0;
  });
}

void add_backup(CLI::App &parent, const Globals &globals, int &result) {
  auto path = std::make_shared<std::string>();
  auto *command = parent.add_subcommand(
      "backup",
      "Copy the vault's file as it is, encrypted. To restore a copy, put it in the file's place and accept it by "
      "accept-restored; after rotate, make a new copy: the ledger opens with no older one");
  command->add_option("FILE", *path, "a path where nothing is yet")->type_name(kFile)->required();
  command->callback([&globals, &result, path] {
    result = in_session(globals, [&](cordon_client *client, const Interrupts &) {
      const Reply status =
          ask([&](char **out, cordon_error **error) { return cordon_vault_status(client, out, error); });
      if (status.status < 0) return report(status, "vault backup");
      const Json document = Json::parse(status.text(), nullptr, false);
      const auto file = document.is_object() ? document.find("file") : document.end();
      if (file == document.end() || !file->is_string()) throw Failure("this configuration has no vault file");
      copy_vault(file->get<std::string>(), *path);
      tell("vault backup: made " + *path + "; the vault's keys open it, so keep it where they are not");
      print_json(Json{{"backup", *path}, {"vault_id", document.value("vault_id", Json())}}.dump(
          -1, ' ', false, Json::error_handler_t::replace));
      return 0;
    });
  });
}

}  // namespace

void add_vault_commands(CLI::App &app, const Globals &globals, int &result) {
  auto *secret =
      app.add_subcommand("secret", "Secrets of the vault: they go in and never come out")->require_subcommand(1);
  add_secret_set(*secret, globals, result);
  add_secret_describe(*secret, globals, result);
  add_secret_remove(*secret, globals, result);

  auto *vault = app.add_subcommand("vault", "The vault itself")->require_subcommand(1);
  vault->add_subcommand("status", "Names of the secrets, key slots and warnings, never values")->callback([&] {
    result = call_and_report(globals, "vault status", [](cordon_client *client, char **out, cordon_error **error) {
      return cordon_vault_status(client, out, error);
    });
  });
  add_new_key(*vault, result);
  add_backup(*vault, globals, result);
  add_rekey_commands(*vault, globals, result);
}

}  // namespace cordon::cli

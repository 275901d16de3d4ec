#include <exception>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cli/commands.hpp"
#include "cli/report.hpp"

namespace {

using namespace cordon::cli;

/// What is this program's own fault or its surroundings', told in both ways.
int fail_with(std::string_view message) {
  tell(message);
  try {
    print_json(nlohmann::json{{"message", message}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } catch (...) {  // perhaps the very thing that was told
  }
  return 1;
}

/// What an argument goes into, JSON or the library, takes UTF-8 alone.
void require_utf8(CLI::App &app) {
  const auto check = [](const std::string &text) -> std::string {
    try {
      (void)nlohmann::json(text).dump();
      return "";
    } catch (const nlohmann::json::exception &) {
      return "is not valid UTF-8; convert it, or set the terminal to UTF-8";
    }
  };
  for (CLI::Option *option : app.get_options())
    if (option->get_type_name() != kFile) option->check(check);
  for (CLI::App *command : app.get_subcommands([](CLI::App *) { return true; })) require_utf8(*command);
}

int run(int argc, char **argv) {
  CLI::App app{
      "Contains devices with Microsoft Defender for Endpoint.\n"
      "A JSON document goes to standard output, a line for people to standard error.",
      "cordon"};
  Globals globals;
  int result = 0;
  app.add_option("--config", globals.config_file,
                 "configuration file, - for standard input; default: $CORDON_CONFIG, then /etc/cordon/cordon.json")
      ->type_name(kFile);
  app.add_flag("--ask-passphrase", globals.ask_passphrase, "ask for the vault's passphrase on the terminal");
  app.fallthrough();
  app.require_subcommand(1);
  app.footer(exit_codes_help());
  add_action_commands(app, globals, result);
  add_event_command(app, globals, result);
  add_audit_commands(app, globals, result);
  add_vault_commands(app, globals, result);
  add_identity_commands(app, globals, result);
  add_library_commands(app, globals, result);
  require_utf8(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  } catch (const Failure &failure) {
    return fail_with(failure.message());
  }
  return result;
}

}  // namespace

int main(int argc, char **argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception &error) {
    return fail_with(error.what());
  }
}

#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace cordon::cli {

/// Type name of the options that name a file: paths may be any bytes, every other argument is UTF-8.
inline constexpr const char *kFile = "FILE";

/// What stands before the command.
struct Globals {
  std::string config_file;
  bool ask_passphrase = false;
};

/// Each adds its commands to `app`; the command that was given leaves its exit code in `result`. All references must
/// outlive the parsing.
void add_action_commands(CLI::App &app, const Globals &globals, int &result);
void add_event_command(CLI::App &app, const Globals &globals, int &result);
void add_audit_commands(CLI::App &app, const Globals &globals, int &result);
void add_vault_commands(CLI::App &app, const Globals &globals, int &result);
void add_rekey_commands(CLI::App &vault, const Globals &globals, int &result);
void add_identity_commands(CLI::App &app, const Globals &globals, int &result);
void add_library_commands(CLI::App &app, const Globals &globals, int &result);

}  // namespace cordon::cli

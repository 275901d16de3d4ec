#include <nlohmann/json.hpp>

#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {

void add_library_commands(CLI::App &app, const Globals &globals, int &result) {
  app.add_subcommand("health", "State of the client, its tenants, vault and ledger; no network")->callback([&] {
    result = call_and_report(globals, "health", [](cordon_client *client, char **out, cordon_error **error) {
      return cordon_call(client, "health", nullptr, -1, out, error);
    });
  });
  app.add_subcommand("manifest", "Print the plugin manifest: operations and schemas")->callback([&result] {
    print_json(cordon_manifest());
    result = 0;
  });
  app.add_subcommand("version", "Print the library's version")->callback([&result] {
    tell(std::string("version ") + cordon_version());
    print_json(nlohmann::json{{"version", cordon_version()}, {"abi_version", cordon_abi_version()}}.dump());
    result = 0;
  });
}

}  // namespace cordon::cli

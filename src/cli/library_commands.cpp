#include <nlohmann/json.hpp>

#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

/// What health tells of them; a line for each, and failure when one can't be used: what a reload would find.
int list_tenants(cordon_client *client) {
  const Reply reply =
      ask([&](char **out, cordon_error **error) { return cordon_call(client, "health", nullptr, -1, out, error); });
  const Json health = Json::parse(reply.text(), nullptr, false);
  if (reply.status != CORDON_OK || !health.is_object()) return report(reply, "tenants");
  bool all_good = true;
  for (const auto &[name, tenant] : health["tenants"].items()) {
    const bool good = tenant["ok"] == true;
    all_good = all_good && good;
    const std::string warning = member(tenant["credential"], "warning");
    tell(name + ": " + (good ? "ok, " + member(tenant, "cloud") : member(tenant["problem"], "message")) +
         (good && !warning.empty() ? "; " + warning : ""));
  }
  print_json(Json{{"tenants", health["tenants"]}}.dump());
  return all_good ? 0 : 1;
}

}  // namespace

void add_library_commands(CLI::App &app, const Globals &globals, int &result) {
  app.add_subcommand("health", "State of the client, its tenants, vault and ledger; no network")->callback([&] {
    result = call_and_report(globals, "health", [](cordon_client *client, char **out, cordon_error **error) {
      return cordon_call(client, "health", nullptr, -1, out, error);
    });
  });
  app.add_subcommand("tenants", "The tenants of the configuration, and why any can't be used; no network")
      ->callback([&] {
        result = in_session(globals, [](cordon_client *client, const Interrupts &) { return list_tenants(client); });
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

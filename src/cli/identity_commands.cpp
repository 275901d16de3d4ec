#include <memory>
#include <nlohmann/json.hpp>

#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

Reply call_operation(cordon_client *client, const char *operation, const Json &request) {
  const std::string text = request.dump();
  return ask(
      [&](char **out, cordon_error **error) { return cordon_call(client, operation, text.c_str(), -1, out, error); });
}

/// Shows address and code, then waits until the person has signed in.
int login(cordon_client *client, const Interrupts &interrupts, const std::string &tenant) {
  const std::string what = "login " + tenant;
  const Json options{{"tenant", tenant}, {"call_id", kCallId}};
  Reply reply = call_operation(client, "login", Json{{"options", options}});
  if (reply.status != CORDON_PENDING) return report(reply, what);
  const Json code = Json::parse(reply.text(), nullptr, false);
  tell("to sign in, open " + member(code, "verification_uri") + " on any device and type in the code " +
       member(code, "user_code") + " (until " + member(code, "expires_at") + ")");
  while (reply.status == CORDON_PENDING && !interrupts.happened())
    reply = call_operation(client, "login_status", Json{{"wait", true}, {"options", options}});
  return report(reply, what);
}

void add_login(CLI::App &app, const Globals &globals, int &result) {
  auto tenant = std::make_shared<std::string>();
  auto *command =
      app.add_subcommand("login", "Sign a person in, for a tenant whose credential is of the kind device_code");
  command->add_option("TENANT", *tenant, "tenant of the configuration")->required();
  command->callback([&globals, &result, tenant] {
    result = in_session(globals, [&](cordon_client *client, const Interrupts &interrupts) {
      return login(client, interrupts, *tenant);
    });
  });
}

/// One line for each check that did not pass.
int preflight(cordon_client *client, const Json &request) {
  const Reply reply = call_operation(client, "preflight", request);
  const Json document = reply.status == CORDON_OK ? Json::parse(reply.text(), nullptr, false) : Json();
  if (!document.is_object()) return report(reply, "preflight");
  for (const Json &check : document.value("checks", Json::array())) {
    if (member(check, "result") == "ok") continue;
    const std::string tenant = member(check, "tenant"), operation = member(check, "operation");
    const std::string text = member(check, "text"), remedy = member(check, "remedy");
    tell(member(check, "result") + ": " + (tenant.empty() ? "" : tenant + ": ") + member(check, "check") +
         (operation.empty() ? "" : " " + operation) + ": " + text +
         (text.find(remedy) == std::string::npos ? "; " + remedy : ""));
  }
  const std::string result = member(document, "result");
  tell("preflight: " + result);
  print_json(reply.text());
  return result == "failed" ? 1 : 0;
}

void add_preflight(CLI::App &app, const Globals &globals, int &result) {
  struct Wanted {
    std::string tenant;
    std::vector<std::string> operations;
  };
  auto wanted = std::make_shared<Wanted>();
  auto *command = app.add_subcommand(
      "preflight", "Check vault, ledger, network, clock, credentials and permissions; changes nothing at the service");
  command->add_option("--tenant", wanted->tenant, "tenant of the configuration; default: all");
  command->add_option("--operation", wanted->operations, "an operation that must be permitted; may be repeated")
      ->allow_extra_args(false);
  command->callback([&globals, &result, wanted] {
    Json request{{"options", {{"call_id", kCallId}}}};
    if (!wanted->tenant.empty()) request["options"]["tenant"] = wanted->tenant;
    if (!wanted->operations.empty()) request["operations"] = wanted->operations;
    result = in_session(globals, [&](cordon_client *client, const Interrupts &) { return preflight(client, request); });
  });
}

}  // namespace

void add_identity_commands(CLI::App &app, const Globals &globals, int &result) {
  add_login(app, globals, result);
  add_preflight(app, globals, result);
}

}  // namespace cordon::cli

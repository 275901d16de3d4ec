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

constexpr double kMaxSeconds = 2'000'000;

std::int32_t milliseconds(std::optional<double> seconds) {
  return seconds ? static_cast<std::int32_t>(*seconds * 1000) : -1;
}

/// The options every acting command takes.
struct Acting {
  std::string machine_id;
  std::string sha1;
  std::string comment;
  std::string tenant;
  std::string until;
  std::string priority;
  std::string idempotency_key;
  std::string actor;
  std::vector<std::string> labels;
  bool dry_run = false;
  bool force_new = false;
  std::optional<double> timeout_s;

  void add_to(CLI::App &command) {
    command.add_option("--comment", comment, "why; stored by the service with the action")->required();
    command.add_option("--until", until, "return when the service holds the action, or when it has ended")
        ->check(CLI::IsMember({"accepted", "finished"}));
    command.add_option("--timeout", timeout_s, "seconds for everything; default: the configured one")
        ->check(CLI::Range(0.001, kMaxSeconds));
    command.add_option("--tenant", tenant, "tenant of the configuration");
    command.add_option("--priority", priority, "place in the queue")
        ->check(CLI::IsMember({"urgent", "normal", "bulk"}));
    command.add_option("--idempotency-key", idempotency_key, "the same key never makes a second request");
    command.add_option("--actor", actor, "on whose behalf, for the journal");
    command.add_option("--label", labels, "KEY=VALUE to find the request by; may be given again")
        ->allow_extra_args(false)
        ->check([](const std::string &text) {
          return text.find('=') == std::string::npos || text[0] == '=' ? "a label is KEY=VALUE" : "";
        });
    command.add_flag("--dry-run", dry_run, "check everything, send nothing");
    command.add_flag("--force-new", force_new, "do not join an equal request that has not ended");
  }

  std::string options() const {
    Json json{{"call_id", kCallId}};
    for (const auto &[key, value] :
         {std::pair("tenant", &tenant), std::pair("until", &until), std::pair("priority", &priority),
          std::pair("idempotency_key", &idempotency_key), std::pair("actor", &actor)})
      if (!value->empty()) json[key] = *value;
    for (const std::string &label : labels) {
      const std::size_t equals = label.find('=');
      json["labels"][label.substr(0, equals)] = label.substr(equals + 1);
    }
    if (dry_run) json["dry_run"] = true;
    if (force_new) json["force_new"] = true;
    return json.dump();
  }
};

void add_restrict(CLI::App &app, const Globals &globals, int &result) {
  auto acting = std::make_shared<Acting>();
  auto *command = app.add_subcommand("restrict", "Restrict app execution on a device");
  command->add_option("MACHINE_ID", acting->machine_id, "the device's id: 40 hex digits")->required();
  acting->add_to(*command);
  command->callback([&globals, &result, acting] {
    result = call_and_report(
        globals, "restrict " + acting->machine_id, [&](cordon_client *client, char **out, cordon_error **error) {
          return cordon_restrict_code_execution(client, acting->machine_id.c_str(), acting->comment.c_str(),
                                                acting->options().c_str(), milliseconds(acting->timeout_s), out, error);
        });
  });
}

void add_quarantine(CLI::App &app, const Globals &globals, int &result) {
  auto acting = std::make_shared<Acting>();
  auto *command = app.add_subcommand("quarantine", "Stop and quarantine a file on a device");
  command->add_option("MACHINE_ID", acting->machine_id, "the device's id: 40 hex digits")->required();
  command->add_option("SHA1", acting->sha1, "the file's SHA-1: 40 hex digits")->required();
  acting->add_to(*command);
  command->callback([&globals, &result, acting] {
    result = call_and_report(globals, "quarantine " + acting->sha1 + " on " + acting->machine_id,
                             [&](cordon_client *client, char **out, cordon_error **error) {
                               return cordon_stop_and_quarantine(
                                   client, acting->machine_id.c_str(), acting->sha1.c_str(), acting->comment.c_str(),
                                   acting->options().c_str(), milliseconds(acting->timeout_s), out, error);
                             });
  });
}

void add_poll(CLI::App &app, const Globals &globals, int &result) {
  struct Poll {
    std::string id;
    std::string tenant;
    double wait_s = 0;
  };
  auto poll = std::make_shared<Poll>();
  auto *command = app.add_subcommand("poll", "Tell where an action stands");
  command->add_option("ID", poll->id, "the service's action id, or a request id")->required();
  command->add_option("--wait", poll->wait_s, "seconds to wait for the end; 0: what the ledger knows")
      ->check(CLI::Range(0.0, kMaxSeconds))
      ->capture_default_str();
  command->add_option("--tenant", poll->tenant, "tenant of the configuration");
  command->callback([&globals, &result, poll] {
    Json options{{"call_id", kCallId}};
    if (!poll->tenant.empty()) options["tenant"] = poll->tenant;
    result = call_and_report(globals, "poll " + poll->id, [&](cordon_client *client, char **out, cordon_error **error) {
      return cordon_poll_action(client, poll->id.c_str(), options.dump().c_str(), milliseconds(poll->wait_s), out,
                                error);
    });
  });
}

struct Request {
  std::string operation;
  std::string json = "{}";
  std::optional<double> timeout_s;

  void add_to(CLI::App &command) {
    command.add_option("OPERATION", operation, "see `cordon manifest`")->required();
    command.add_option("REQUEST_JSON", json, "its parameters, with \"options\"; - reads them from standard input")
        ->capture_default_str();
  }
  std::string text() const { return json == "-" ? read_text("-") : json; }
};

void add_call(CLI::App &app, const Globals &globals, int &result) {
  auto request = std::make_shared<Request>();
  auto *command = app.add_subcommand("call", "Run any operation of the manifest");
  request->add_to(*command);
  command->add_option("--timeout", request->timeout_s, "seconds for everything; default: the configured one")
      ->check(CLI::Range(0.001, kMaxSeconds));
  command->callback([&globals, &result, request] {
    const std::string text = request->text();
    result = call_and_report(globals, request->operation, [&](cordon_client *client, char **out, cordon_error **error) {
      return cordon_call(client, request->operation.c_str(), text.c_str(), milliseconds(request->timeout_s), out,
                         error);
    });
  });
}

/// Where a recorded request stands: it may be queued, but also have joined one that ended long ago.
int report_recorded(cordon_client *client, const std::string &what, const std::string &id) {
  const Reply known = ask(
      [&](char **out, cordon_error **error) { return cordon_poll_action(client, id.c_str(), nullptr, 0, out, error); });
  if (known.status >= 0 || known.status == CORDON_E_OUTCOME_UNKNOWN) return report(known, what + ": recorded");
  print_and_tell(Json{{"request_id", id}}.dump(), what + ": recorded (request " + id + "), but can't be looked at now");
  return exit_code(CORDON_PENDING);
}

void add_submit(CLI::App &app, const Globals &globals, int &result) {
  auto request = std::make_shared<Request>();
  auto *command = app.add_subcommand(
      "submit",
      "Record a request and end without waiting. If it is not sent by then, a process of the host that goes on running "
      "sends it, or a later command that waits (poll --wait), or it expires after valid_for_ms, 15 minutes by default");
  request->add_to(*command);
  command->callback([&globals, &result, request] {
    const std::string text = request->text();
    result = in_session(globals, [&](cordon_client *client, const Interrupts &) {
      const Reply reply = ask([&](char **out, cordon_error **error) {
        return cordon_submit(client, request->operation.c_str(), text.c_str(), out, error);
      });
      const std::string what = "submit " + request->operation;
      if (reply.status < 0 || reply.document == nullptr) return report(reply, what);
      return report_recorded(client, what, reply.text());
    });
  });
}

void add_withdraw(CLI::App &app, const Globals &globals, int &result) {
  auto id = std::make_shared<std::string>();
  auto *command = app.add_subcommand("withdraw", "Take back a request of which nothing was sent");
  command->add_option("REQUEST_ID", *id, "the request")->required();
  command->callback([&globals, &result, id] {
    result = call_and_report(globals, "withdraw " + *id, [&](cordon_client *client, char **, cordon_error **error) {
      return cordon_withdraw(client, id->c_str(), error);
    });
  });
}

}  // namespace

void add_action_commands(CLI::App &app, const Globals &globals, int &result) {
  add_restrict(app, globals, result);
  add_quarantine(app, globals, result);
  add_poll(app, globals, result);
  add_call(app, globals, result);
  add_submit(app, globals, result);
  add_withdraw(app, globals, result);
}

}  // namespace cordon::cli

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

constexpr std::int32_t kFollowWaitMs = 1000;

/// Prints events from the cursor on, one line each; returns at the journal's end unless it follows.
int print_events(cordon_client *client, const Interrupts &interrupts, std::int64_t cursor, bool follow) {
  while (!interrupts.happened()) {
    const std::string options = Json{{"scope", "all"}, {"after", cursor}}.dump();
    const Reply reply = ask([&](char **out, cordon_error **error) {
      return cordon_next_event(client, options.c_str(), follow ? kFollowWaitMs : 0, out, error);
    });
    if (reply.status == CORDON_NO_EVENT) {
      if (follow) continue;
      return 0;
    }
    if (reply.status != CORDON_OK) return interrupts.happened() ? kExitInterrupted : report(reply, "events");
    print_json(reply.text());
    const Json event = Json::parse(reply.text(), nullptr, false);
    if (!event.is_object() || !event.contains("cursor")) throw Failure("an event came without its cursor");
    cursor = event["cursor"].get<std::int64_t>();
  }
  return kExitInterrupted;
}

}  // namespace

void add_event_command(CLI::App &app, const Globals &globals, int &result) {
  struct Events {
    bool follow = false;
    std::int64_t after = 0;
  };
  auto events = std::make_shared<Events>();
  auto *command = app.add_subcommand("events", "Print the journal's events, one JSON document a line");
  command->add_flag("--follow", events->follow, "go on until Ctrl-C");
  command->add_option("--after", events->after, "cursor to begin behind; 0: the beginning")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->callback([&globals, &result, events] {
    result = in_session(globals, [&](cordon_client *client, const Interrupts &interrupts) {
      return print_events(client, interrupts, events->after, events->follow);
    });
  });
}

}  // namespace cordon::cli

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/report.hpp"
#include "cli/session.hpp"

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

constexpr std::int32_t kVerifyTimeoutMs = 3'600'000;  // a journal of years is read whole

struct Export {
  std::string format = "records";
  std::int64_t after = 0;
  std::int64_t until = -1;
};

int verify(cordon_client *client, std::int64_t after) {
  const std::string request = Json{{"after", after}}.dump();
  const Reply reply = ask([&](char **out, cordon_error **error) {
    return cordon_call(client, "audit_verify", request.c_str(), kVerifyTimeoutMs, out, error);
  });
  const int code = report(reply, "audit verify");
  const Json document = Json::parse(reply.text(), nullptr, false);
  if (code != 0 || !document.is_object() || document.value("intact", false)) return code;
  tell(fmt::format("the journal is damaged: {}", document.value("damage", std::string("no reason was given"))));
  return 1;
}

/// One line for the whole, then one for each record: what an auditor checks (src/ledger/JOURNAL.md).
void print_page(const Json &page, bool first) {
  const bool ocsf = page.at("format") == "ocsf";
  if (first && !ocsf)
    print_json(Json{{"format", "cordon-journal/1"},
                    {"ledger_id", page.at("ledger_id")},
                    {"public_key", page.at("public_key")},
                    {"base", page.at("base")}}
                   .dump());
  for (const Json &record : page.at(ocsf ? "events" : "records")) print_json(record.dump());
}

/// Whoever asks from the beginning gets what the journal still holds, and is told of the rest.
void tell_of_archive(const Json &page) {
  const auto archived = page.at("base").at("sequence").get<std::int64_t>();
  if (archived == 0) return;
  tell(
      fmt::format("audit export: records up to {} are not in it: they are in the directory archive of the state_dir, "
                  "where each file verifies by itself",
                  archived));
}

int print_export(cordon_client *client, const Interrupts &interrupts, const Export &wish) {
  std::int64_t after = wish.after;
  std::int64_t records = 0;
  for (bool more = true; more;) {
    if (interrupts.happened()) return kExitInterrupted;
    Json request = {{"format", wish.format}, {"after", after}};
    if (wish.until >= 0) request["until"] = wish.until;
    const std::string text = request.dump();
    const Reply reply = ask([&](char **out, cordon_error **error) {
      return cordon_call(client, "audit_export", text.c_str(), -1, out, error);
    });
    if (reply.status != CORDON_OK) return report(reply, "audit export");
    const Json page = Json::parse(reply.text(), nullptr, false);
    if (!page.is_object() || !page.contains("next_after")) throw Failure("an export came without its end");
    if (after == 0) tell_of_archive(page);
    print_page(page, after == wish.after);
    records += static_cast<std::int64_t>(page.at(wish.format == "ocsf" ? "events" : "records").size());
    after = page.at("next_after").get<std::int64_t>();
    more = page.at("more").get<bool>();
  }
  tell(fmt::format("audit export: {} records", records));
  return 0;
}

}  // namespace

void add_audit_commands(CLI::App &app, const Globals &globals, int &result) {
  auto *audit = app.add_subcommand("audit", "The journal as evidence")->require_subcommand(1);

  auto begin = std::make_shared<std::int64_t>(0);
  auto *check = audit->add_subcommand("verify", "Check the journal's chain, head and checkpoints; exit 1 if damaged");
  check->add_option("--after", *begin, "record to begin behind; 0: the beginning")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  check->callback([&globals, &result, begin] {
    result = in_session(globals, [&](cordon_client *client, const Interrupts &) { return verify(client, *begin); });
  });

  auto wish = std::make_shared<Export>();
  auto *print = audit->add_subcommand("export", "Print the journal's records, one JSON document a line");
  print->add_option("--format", wish->format, "records: as signed, for an auditor; ocsf: events for a SIEM")
      ->check(CLI::IsMember({"records", "ocsf"}))
      ->capture_default_str();
  print->add_option("--after", wish->after, "record to begin behind; 0: begin with the oldest that is not archived")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  print->add_option("--until", wish->until, "last record; default: all, with a signature behind them")
      ->check(CLI::NonNegativeNumber);
  print->callback([&globals, &result, wish] {
    result = in_session(globals, [&](cordon_client *client, const Interrupts &interrupts) {
      return print_export(client, interrupts, *wish);
    });
  });
}

}  // namespace cordon::cli

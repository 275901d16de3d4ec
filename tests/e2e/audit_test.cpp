#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

#include "e2e/host.hpp"
#include "e2e/tamper.hpp"

namespace cordon::test {
namespace {

using ::testing::HasSubstr;

/// The journal as evidence, read by a host.
class Audit : public EmulatorTest {
 protected:
  /// The whole journal in pages, as `cordon audit export` prints it.
  std::string export_lines(Host &host, int top) {
    std::string lines;
    std::int64_t after = 0;
    for (bool more = true; more;) {
      const Reply page = host.call("audit_export", {{"after", after}, {"top", top}});
      EXPECT_EQ(page.status, CORDON_OK) << page.message();
      if (page.status != CORDON_OK) return lines;
      if (after == 0)
        lines = Json{{"format", "cordon-journal/1"},
                     {"ledger_id", page.document["ledger_id"]},
                     {"public_key", page.document["public_key"]},
                     {"base", page.document["base"]}}
                    .dump() +
                "\n";
      for (const Json &record : page.document["records"]) lines += record.dump() + "\n";
      after = page.document["next_after"];
      more = page.document["more"];
    }
    return lines;
  }
  /// The command line, as a process of its own on the same ledger.
  int run_cli(const std::string &arguments) {
    const std::string file = (emulator.directory() / "cli.json").string();
    std::ofstream(file) << config.dump();
    const int status = std::system((CORDON_CLI " --config " + file + " " + arguments).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static std::string text_of(const std::string &file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  /// A program of tests/ledger, run by the Python that has the cryptography of the distribution.
  static int run_auditor(const std::string &program, const std::string &arguments) {
    const int status = std::system((std::string(AUDITOR "/") + program + " " + arguments).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

TEST_F(Audit, AnAuditorWithoutASecretAcceptsAnExportAndRefusesItAfterAnyChange) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "audit", {{"until", "finished"}}).status, CORDON_OK);
  const std::string lines = export_lines(*host, 3);
  ASSERT_EQ(export_lines(*host, 1000), lines) << "who asks again gets the same, whatever the pages";
  const std::string file = (emulator.directory() / "export.jsonl").string();
  std::ofstream(file, std::ios::binary) << lines;
  const std::string key = host->call("health").document["ledger"]["public_key"];
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(run_auditor("verify_export.py", file + " " + key), 0);
  EXPECT_EQ(run_auditor("verify_export.py", file + " " + std::string(64, 'a')), 1);
  EXPECT_EQ(run_auditor("verify_export_test.py", file + " " + key), 0);
  EXPECT_EQ(run_cli("audit export > " + file), 0) << "another process, beside this one";
  EXPECT_EQ(run_cli("audit export > /dev/full 2> /dev/null"), 1) << "an export that is lost is none";
  EXPECT_EQ(text_of(file), lines);
}

TEST_F(Audit, VerifyNamesTheFirstBadRecordAndTheLedgerCheckTheDifference) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "audit", {{"until", "finished"}}).status, CORDON_OK);
  const Reply sound = host->call("audit_verify");
  ASSERT_EQ(sound.status, CORDON_OK) << sound.message();
  EXPECT_EQ(sound.document["intact"], true) << sound.text;
  EXPECT_EQ(sound.document["first_bad_record"], nullptr);
  EXPECT_EQ(run_cli("audit verify > /dev/null 2>&1"), 0);
  EXPECT_EQ(sound.document["last_record"], sound.document["records"]);
  const Reply checked = host->call("ledger_check");
  EXPECT_EQ(checked.document["intact"], true) << checked.text;
  EXPECT_EQ(checked.document["requests"], 1);

  tamper(config["state_dir"], "UPDATE journal SET body = replace(body, 'audit', 'AUDIT') WHERE sequence = 3");
  const Reply damaged = host->call("audit_verify");
  EXPECT_EQ(damaged.document["intact"], false);
  EXPECT_EQ(damaged.document["first_bad_record"], 3);
  EXPECT_THAT(text_or(damaged.document, "damage"), HasSubstr("record 3 is not what was written"));
  EXPECT_EQ(run_cli("audit verify > /dev/null 2>&1"), 1);
  EXPECT_EQ(host->call("audit_verify", {{"after", 3}}).document["intact"], true);
  EXPECT_EQ(host->call("audit_verify", {{"after", 12'345}}).status, CORDON_E_INVALID_ARGUMENT);
  tamper(config["state_dir"], "UPDATE requests SET state = 'failed'");
  EXPECT_THAT(host->call("ledger_check").text, HasSubstr("differ in the state"));
}

TEST_F(Audit, AnExportThatTheArchiveOvertakesSaysSo) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "audit", {{"until", "finished"}}).status, CORDON_OK);
  ASSERT_EQ(host->call("audit_export", {{"after", 1}, {"top", 1}}).status, CORDON_OK);
  // As the retention leaves it.
  tamper(config["state_dir"],
         "INSERT INTO meta (name, value) SELECT 'journal_base', sequence || ' ' || lower(hex(mac)) || ' ' ||"
         " lower(hex(digest)) FROM journal WHERE sequence = 3; DELETE FROM journal WHERE sequence <= 3");
  const Reply late = host->call("audit_export", {{"after", 2}});
  EXPECT_EQ(late.status, CORDON_E_INVALID_ARGUMENT) << late.text;
  EXPECT_THAT(late.message(), HasSubstr("after: 3"));
  EXPECT_EQ(host->call("audit_export", {{"after", 3}}).document["base"]["sequence"], 3);
  EXPECT_EQ(host->call("audit_export").document["base"]["sequence"], 3);

  for (const int until : {2, 3}) {
    const Reply gone = host->call("audit_export", {{"until", until}});
    EXPECT_EQ(gone.pointer(), "/until") << gone.text;
    EXPECT_THAT(gone.message(), HasSubstr("records up to 3"));
  }
  EXPECT_EQ(host->call("audit_export", {{"until", 4}}).document["records"].size(), 1u);
  EXPECT_EQ(host->call("audit_export", {{"after", 3}, {"until", 3}}).document["records"].size(), 0u) << "a last page";
  const std::string file = (emulator.directory() / "told").string();
  for (const char *format : {"records", "ocsf"}) {
    EXPECT_EQ(run_cli("audit export --format " + std::string(format) + " > /dev/null 2> " + file), 0);
    EXPECT_THAT(text_of(file), HasSubstr("records up to 3 are not in it"));
  }
}

TEST_F(Audit, OcsfEventsCarryClassActivityAndOutcome) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "why", {{"until", "finished"}, {"actor", "analyst"}}).status, CORDON_OK);
  ASSERT_EQ(host->quarantine(machine(1), file(), "why", {{"until", "finished"}}).status, CORDON_OK);
  const Reply page = host->call("audit_export", {{"format", "ocsf"}});
  ASSERT_EQ(page.status, CORDON_OK) << page.message();
  std::set<std::string> seen;
  for (const Json &event : page.document["events"]) {
    EXPECT_EQ(event["type_uid"], event["class_uid"].get<int>() * 100 + event["activity_id"].get<int>());
    EXPECT_TRUE(event["time"].is_number_integer() && event["metadata"]["version"] == "1.3.0") << event.dump();
    if (event["class_uid"] == 0) continue;
    EXPECT_EQ(event["category_uid"], 7);
    EXPECT_EQ(event["command_uid"].get<std::string>().size(), 36u);
    EXPECT_TRUE(event["message"].get<std::string>().starts_with("why"));
    seen.insert(std::to_string(event["type_uid"].get<int>()) + " " + event["status"].get<std::string>());
    if (event["class_uid"] == 7002) {
      EXPECT_EQ(event["file"]["hashes"][0]["value"], file());
    } else {
      EXPECT_EQ(event["actor"]["user"]["name"], "analyst");
    }
  }
  for (const char *expected : {"700101 queued", "700101 Success", "700202 queued", "700202 Success"})
    EXPECT_TRUE(seen.contains(expected)) << expected;
}

TEST_F(Audit, PagesAndLimitsOfAnExport) {
  const auto host = open();
  ASSERT_EQ(host->restrict_device(machine(), "c", {{"until", "finished"}}).status, CORDON_OK);
  const Reply part = host->call("audit_export", {{"after", 1}, {"until", 3}});
  ASSERT_EQ(part.document["records"].size(), 2u);
  EXPECT_EQ(part.document["records"][0]["sequence"], 2);
  EXPECT_EQ(part.document["base"]["sequence"], 1);
  EXPECT_EQ(part.document["more"], false);
  EXPECT_EQ(host->call("audit_export", {{"after", 999}}).status, CORDON_E_INVALID_ARGUMENT);
  EXPECT_EQ(host->call("audit_export", {{"format", "xml"}}).pointer(), "/format");
  const Reply all = host->call("audit_export");
  EXPECT_EQ(all.document["records"].back()["kind"], "checkpoint") << "signed to its end";
  const Reply none = host->call("audit_export", {{"after", all.document["next_after"]}});
  EXPECT_TRUE(none.document["records"].empty());
}

}  // namespace
}  // namespace cordon::test

#include "vectors/vectors.hpp"

#include <gtest/gtest.h>

#include <set>

#include "defender/action.hpp"
#include "defender/machine.hpp"
#include "defender/operation.hpp"
#include "defender/rest.hpp"

namespace cordon::defender {
namespace {

namespace fs = std::filesystem;
using test::read_text;

/// Whether the parser for `as` accepts the body.
bool accepts(const std::string &as, const std::string &body) {
  const auto json = parse_json(body, "vector");
  if (!json) return false;
  if (as == "action") return parse_action(*json).has_value();
  if (as == "action_list") return parse_action_list(*json).has_value();
  if (as == "machine") return parse_machine(*json).has_value();
  if (as == "machine_list") return parse_machine_list(*json).has_value();
  throw std::logic_error("no parser for " + as);
}

std::string text_of(UtcTicks time) {
  return time.is_set() ? time.str() : "";
}

Json outline(const MachineAction &a) {
  return {{"status", action_status_word(a.status)},
          {"status_word", a.status_word},
          {"terminal", a.terminal()},
          {"id", a.id},
          {"type", a.type},
          {"machine_id", a.machine_id},
          {"external_id", a.external_id},
          {"created_at", text_of(a.created_at)},
          {"scope", a.scope},
          {"file_identifier", a.file_identifier},
          {"error_hresult", a.error_hresult},
          {"requestor_comment", a.requestor_comment},
          {"cancellation_comment", a.cancellation_comment}};
}

Json outline(const MachineActionPage &p) {
  return {{"rows", p.actions.size()}, {"count", p.count}, {"next_link", p.next_link}};
}

Json outline(const Machine &m) {
  return {{"id", m.id}, {"group", m.rbac_group_id}, {"server", m.is_server()}, {"tags", m.tags.size()}};
}

Json outline(const MachinePage &p) {
  return {{"rows", p.machines.size()}};
}

Json outline_of(const std::string &as, const Json &body) {
  if (as == "action") return outline(parse_action(body).value());
  if (as == "action_list") return outline(parse_action_list(body).value());
  if (as == "machine") return outline(parse_machine(body).value());
  return outline(parse_machine_list(body).value());
}

void expect_members(const Json &expected, const Json &actual) {
  for (const auto &[key, value] : expected.items()) EXPECT_EQ(actual.at(key), value) << key;
}

TEST(ServiceVectors, EveryEntityIsReadOrRefusedAsItsManifestSays) {
  int seen = 0;
  for (const Json &vector : test::service_manifest()) {
    const std::string as = vector["as"];
    if (as != "action" && as != "action_list" && as != "machine" && as != "machine_list") continue;
    SCOPED_TRACE(vector["file"]);
    const std::string body = read_text(test::service_vectors() / vector["file"]);
    ASSERT_EQ(accepts(as, body), vector["accept"].get<bool>());
    if (vector.contains("expect")) expect_members(vector["expect"], outline_of(as, *parse_json(body, "vector")));
    ++seen;
  }
  EXPECT_GT(seen, 30);
}

http::Response response_of(const Json &vector) {
  http::Response response;
  response.status = vector["http"];
  response.body = read_text(test::service_vectors() / vector["file"]);
  if (vector.contains("headers"))
    for (const auto &[name, value] : vector["headers"].items()) response.headers.emplace_back(name, value);
  return response;
}

const char *name_of(PostOutcome outcome) {
  switch (outcome) {
    case PostOutcome::Accepted:
      return "Accepted";
    case PostOutcome::Unknown:
      return "Unknown";
    case PostOutcome::Conflict:
      return "Conflict";
    case PostOutcome::Refused:
      return "Refused";
    case PostOutcome::TokenRejected:
      return "TokenRejected";
    case PostOutcome::Throttled:
      return "Throttled";
    case PostOutcome::NotSent:
      return "NotSent";
  }
  return "";
}

TEST(ServiceVectors, EveryErrorBodyIsClassifiedAndLeadsToItsOutcome) {
  const Operation &restrict = *Catalogue::instance().find("restrict_code_execution");
  const CallContext context(&restrict, "contoso");
  int seen = 0;
  for (const Json &vector : test::service_manifest()) {
    if (vector["as"] != "error") continue;
    SCOPED_TRACE(vector["file"]);
    const Json &expected = vector["expect"];
    const Error error = classify_error(response_of(vector), context);
    EXPECT_STREQ(status_name(error.status), expected["status"].get_ref<const std::string &>().c_str());
    EXPECT_EQ(error.service_code, expected["code"]);
    EXPECT_EQ(error.http_status, vector["http"]);
    if (expected.contains("retryable")) {
      EXPECT_EQ(error.retryable, expected["retryable"]);
    }
    if (expected.contains("retry_after_ms")) {
      EXPECT_EQ(error.retry_after_ms, expected["retry_after_ms"]);
    }
    if (expected.contains("correlation")) {
      EXPECT_EQ(error.service_correlation_id, expected["correlation"]);
    }
    if (expected.contains("says")) {
      EXPECT_NE(error.message.find(expected["says"].get<std::string>()), std::string::npos) << error.message;
    }
    EXPECT_EQ(error.message.find('<'), std::string::npos) << error.message;

    http::Exchange exchange;
    exchange.response = response_of(vector);
    exchange.sent = true;
    const Call call(restrict, {{"machine_id", std::string(40, 'a')}, {"comment", "c"}});
    const PostResult result = interpret_post(call, exchange, context);
    EXPECT_STREQ(name_of(result.outcome), expected["outcome"].get_ref<const std::string &>().c_str());
    EXPECT_EQ(result.error.outcome_unknown, result.outcome == PostOutcome::Unknown);
    ++seen;
  }
  EXPECT_GT(seen, 18);
}

TEST(ServiceVectors, EveryFileIsInTheManifest) {
  std::set<std::string> listed = {"manifest.json", "README.md"};
  for (const Json &vector : test::service_manifest()) listed.insert(vector["file"]);
  for (const auto &entry : fs::directory_iterator(test::service_vectors()))
    EXPECT_TRUE(listed.erase(entry.path().filename())) << entry.path();
  EXPECT_TRUE(listed.empty()) << *listed.begin();
}

/// Puts an example value at a path such as "commands.*.command.type" of a document made of objects and arrays.
void place(Json &document, const std::string &path, const Json &value) {
  Json *at = &document;
  // "@odata.context" has a dot of its own.
  std::string rest = path;
  while (!rest.empty()) {
    const std::size_t dot = rest.starts_with("@odata.") ? std::string::npos : rest.find('.');
    const std::string key = rest.substr(0, dot);
    rest = dot == std::string::npos ? "" : rest.substr(dot + 1);
    if (key == "*") {
      if (!at->is_array()) *at = Json::array({nullptr});
      at = &(*at)[0];
    } else {
      if (!at->is_object()) *at = Json::object();
      at = &(*at)[key];
    }
  }
  if (!at->is_structured()) *at = value;
}

/// A body with the example values of a list of fields; what has none is null.
Json body_from_fields(const Json &fields) {
  constexpr std::string_view kPrefix = "action_result.data.*.";
  Json body = Json::object();
  for (const Json &field : fields) {
    const std::string path = field["data_path"];
    if (!path.starts_with(kPrefix)) continue;
    const bool has_example = field.contains("example_values") && !field["example_values"].empty();
    place(body, path.substr(kPrefix.size()), has_example ? field["example_values"][0] : Json(nullptr));
  }
  return body;
}

std::string kind_of_recording(const std::string &name) {
  if (name.find("search_machines") != std::string::npos || name.find("information_first") != std::string::npos)
    return "machine_list";
  return name.find("machine_information") != std::string::npos ? "machine" : "action";
}

TEST(SharedVectors, RecordedBodiesAreReadAndWhatIsNoJsonIsRefused) {
  const fs::path folder = test::shared_vectors();
  if (folder.empty()) GTEST_SKIP() << "no shared vectors; set CORDON_SHARED_VECTORS";
  int seen = 0;
  for (const auto &entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    SCOPED_TRACE(name);
    if (!name.starts_with("rapid7_")) continue;
    EXPECT_EQ(accepts(kind_of_recording(name), read_text(entry.path())), name != "rapid7_invalid_json_response.txt");
    ++seen;
  }
  EXPECT_GT(seen, 0);
}

TEST(SharedVectors, RecordedFieldsMakeReadableEntities) {
  const fs::path folder = test::shared_vectors();
  if (folder.empty()) GTEST_SKIP() << "no shared vectors; set CORDON_SHARED_VECTORS";
  int seen = 0;
  for (const auto &entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    SCOPED_TRACE(name);
    if (!name.starts_with("splunk_")) continue;
    const Json body = body_from_fields(Json::parse(read_text(entry.path())));
    if (name.find("list_devices") != std::string::npos) {
      const auto machine = parse_machine(body);
      ASSERT_TRUE(machine) << machine.error().message;
      EXPECT_EQ(machine->id.size(), 40u);
      EXPECT_TRUE(machine->last_seen.is_set());
    } else {
      const auto action = parse_action(body);
      ASSERT_TRUE(action) << action.error().message;
      EXPECT_EQ(action->machine_id.size(), 40u);
      EXPECT_TRUE(action->created_at.is_set());
      EXPECT_NE(action->status, ActionStatus::Unknown);
      EXPECT_EQ(action->created_at.str(), body["creationDateTimeUtc"]);
      if (name.find("quarantine_file") != std::string::npos) {
        EXPECT_EQ(action->file_identifier.size(), 40u);
      }
      if (name.find("live_response") != std::string::npos) {
        EXPECT_EQ(action->commands.size(), 1u);
      }
    }
    ++seen;
  }
  EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace cordon::defender

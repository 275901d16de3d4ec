#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/json.hpp"
#include "base/schema.hpp"
#include "defender/operation.hpp"
#include "embedded/action_schema.hpp"
#include "embedded/config_schema.hpp"
#include "embedded/event_schema.hpp"
#include "embedded/operations_json.hpp"
#include "embedded/options_schema.hpp"
#include "embedded/plugin_manifest.hpp"
#include "embedded/plugin_schema.hpp"

namespace cordon::defender {
namespace {

Json manifest() {
  return Json::parse(embedded::plugin_manifest);
}

/// The keywords whose meaning valijson 1.0 and every other draft-07 implementation share.
const std::set<std::string> kKeywords = {"$schema", "$ref",     "definitions", "title",     "description",
                                         "default", "type",     "properties",  "required",  "additionalProperties",
                                         "enum",    "const",    "minLength",   "maxLength", "minimum",
                                         "maximum", "minItems", "maxItems",    "items",     "maxProperties",
                                         "pattern"};

void expect_known_keywords(const Json &schema, const std::string &where) {
  ASSERT_TRUE(schema.is_object()) << where;
  for (const auto &[key, value] : schema.items()) {
    EXPECT_TRUE(kKeywords.contains(key)) << where << ": " << key;
    if (key == "properties" || key == "definitions")
      for (const auto &[name, child] : value.items()) expect_known_keywords(child, where + "/" + key + "/" + name);
    if (key == "items") expect_known_keywords(value, where + "/items");
    if (key == "additionalProperties" && !value.is_boolean()) expect_known_keywords(value, where + "/*");
  }
}

TEST(Manifest, FitsItsSchema) {
  const JsonSchema schema(embedded::plugin_schema);
  const auto valid = schema.validate(manifest(), "cordon.plugin.json");
  EXPECT_TRUE(valid) << valid.error().message;

  Json broken = manifest();
  broken["operations"]["operations"][0]["efect"] = "contain";
  EXPECT_FALSE(schema.validate(broken, "cordon.plugin.json"));
}

TEST(Manifest, IsOneDocumentWithoutReferencesToFiles) {
  const Json document = manifest();
  EXPECT_EQ(document["operations"], Json::parse(embedded::operations_json));
  EXPECT_EQ(document["schemas"]["config"], Json::parse(embedded::config_schema));
  EXPECT_EQ(document["schemas"]["options"], Json::parse(embedded::options_schema));
  EXPECT_EQ(document["schemas"]["action"], Json::parse(embedded::action_schema));
  EXPECT_EQ(document["schemas"]["event"], Json::parse(embedded::event_schema));
  EXPECT_EQ(document.dump().find(".schema.json\""), std::string::npos);
}

TEST(Manifest, NamesTheVersionThatIsBuilt) {
  const Json document = manifest();
  EXPECT_EQ(document["version"], CORDON_PROJECT_VERSION);
  EXPECT_EQ(document["library"]["soname"], "libcordon.so." + std::to_string(document["abi"]["major"].get<int>()));
  EXPECT_EQ(document["abi"]["version"].get<int>() / 1'000'000, document["abi"]["major"].get<int>());
}

TEST(Manifest, SchemasUseOnlyKeywordsEverybodyUnderstands) {
  for (const std::string_view text : {embedded::config_schema, embedded::options_schema, embedded::action_schema,
                                      embedded::event_schema, embedded::plugin_schema})
    expect_known_keywords(Json::parse(text), Json::parse(text)["title"]);
  for (const Operation &operation : Catalogue::instance().operations())
    expect_known_keywords(operation.request_schema, operation.name);
}

TEST(Manifest, EveryRequestTakesOptionsByReference) {
  const Json document = manifest();
  for (const Json &operation : document["operations"]["operations"])
    EXPECT_EQ(operation["request"]["properties"]["options"], Json({{"$ref", "#/schemas/options"}}))
        << operation["name"];
}

Json small_config() {
  return Json::parse(R"({"state_dir":"/var/lib/cordon","vault":{"file":"/v","unlock":[{"key_file":"/k"}]},
    "tenant_defaults":{"cloud":"commercial"},"tenants_dir":null,"default_tenant":"contoso",
    "tenants":{"contoso":{"tenant_id":"t","client_id":"00000000-0000-4000-8000-000000000000",
      "credential":{"kind":"client_secret","secret_name":"contoso-app"}}},
    "http":{"ca_file":null,"proxy":null,"connect_timeout_ms":10000},"quota":"100/60s,1500/3600s",
    "track":{"interval_ms":15000},"reconcile":{"settle_ms":35000},"timeout_ms":60000,"retention_days":90,
    "policy_file":null,"policy":{},"log":{"fd":null,"file":null,"level":"info"},"recover":true})");
}

Result<void> check_config(const Json &config) {
  return JsonSchema(embedded::config_schema).validate(config, "config");
}

TEST(ConfigSchema, AcceptsTheSmallAndTheFullConfiguration) {
  EXPECT_TRUE(check_config(small_config()));
  EXPECT_TRUE(check_config({{"state_dir", "/s"}, {"vault", nullptr}}));

  Json config = small_config();
  config["tenant_defaults"]["cloud"] = {{"api", "https://a"}, {"login", "https://l"}, {"audience", "x"}};
  config["quota"] = {{"restrict", "50/60s"}};
  config["vault"] = {{"file", nullptr}};
  config["policy"] = {{"protected_device_groups", {"dc", 7}}, {"max_devices_per_hour", 20}, {"allow_servers", false}};
  const auto valid = check_config(config);
  EXPECT_TRUE(valid) << valid.error().message;
}

TEST(ConfigSchema, RefusesWhatIsMisspelledAndSaysWhere) {
  const auto pointer_after = [](const char *pointer, const Json &value) {
    Json config = small_config();
    config[Json::json_pointer(pointer)] = value;
    const auto checked = check_config(config);
    return checked ? std::string("accepted") : checked.error().pointer;
  };
  EXPECT_EQ(pointer_after("/htttp", Json::object()), "/htttp");
  EXPECT_EQ(pointer_after("/tenants/contoso/cleint_id", "x"), "/tenants/contoso/cleint_id");
  EXPECT_EQ(pointer_after("/tenants/contoso/credential/kind", "password"), "/tenants/contoso/credential/kind");
  EXPECT_EQ(pointer_after("/tenants/contoso/cloud", 7), "/tenants/contoso/cloud");
  EXPECT_EQ(pointer_after("/tenants/contoso/cloud", Json({{"api", "x"}})), "/tenants/contoso/cloud/audience");
  EXPECT_EQ(pointer_after("/timeout_ms", 0), "/timeout_ms");
  EXPECT_EQ(pointer_after("/vault/unlock/0/key_file", ""), "/vault/unlock/0/key_file");
}

TEST(OptionsSchema, LimitsLabelsAndWords) {
  const JsonSchema &schema = Catalogue::instance().options_schema();
  EXPECT_TRUE(
      schema.validate(Json::parse(R"({"tenant":"a","until":"finished","labels":{"case":"INC-1"}})"), "options"));
  EXPECT_FALSE(schema.validate(Json::parse(R"({"until":"done"})"), "options"));
  EXPECT_FALSE(schema.validate(Json::parse(R"({"labels":{"case":7}})"), "options"));
  EXPECT_FALSE(schema.validate(Json::parse(R"({"unknown":true})"), "options"));
  Json many;
  for (int i = 0; i < 17; ++i) many["labels"][std::to_string(i)] = "x";
  EXPECT_FALSE(schema.validate(many, "options"));
}

TEST(ActionSchema, AcceptsTheDocumentOfTheDesign) {
  const JsonSchema schema(embedded::action_schema);
  EXPECT_TRUE(schema.validate(Json::parse(R"({"request_id":"r","action_id":null,"tenant":"contoso","tenant_id":"t",
    "operation":"restrict_code_execution","machine_id":"m","parameters":{},"state":"pending","status":"Pending",
    "adopted":false,"labels":{"case":"INC-77"},"actor":null,"error_hresult":0,"later_member":1})"),
                              "action"));
  EXPECT_FALSE(schema.validate(Json::parse(R"({"state":"done"})"), "action"));
}

}  // namespace
}  // namespace cordon::defender

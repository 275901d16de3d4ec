#include "base/schema.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace cordon {
namespace {

void drop_patterns(Json &node) {
  if (node.is_object()) {
    if (const auto it = node.find("pattern"); it != node.end() && it->is_string()) node.erase(it);
    for (auto &child : node) drop_patterns(child);
  } else if (node.is_array()) {
    for (auto &child : node) drop_patterns(child);
  }
}

/// valijson's context is a list like ["<root>", "[tenants]", "[contoso]"].
std::string pointer_of(const std::vector<std::string> &context) {
  std::string out;
  for (std::size_t i = 1; i < context.size(); ++i) {
    std::string_view token = context[i];
    if (token.size() >= 2 && token.front() == '[' && token.back() == ']') token = token.substr(1, token.size() - 2);
    out += "/" + json_pointer_token(token);
  }
  return out;
}

/// valijson's sentences name keys and types but may end in a value; only the known, value-free ones are passed on.
std::string problem_of(const std::string &description) {
  for (const char *known : {"Object contains a property that could not be validated using 'properties' or "
                            "'additionalProperties' constraints: "})
    if (description.starts_with(known)) return "unknown key " + description.substr(std::string_view(known).size());
  if (description.starts_with("Missing required property "))
    return description.substr(0, description.find_last_not_of('.') + 1);
  if (description.starts_with("Value type not permitted by 'type' constraint")) return "wrong type";
  if (description.starts_with("Failed to match against any enum values")) return "not one of the allowed values";
  if (description.starts_with("Number of elements")) return "wrong number of elements";
  if (description.find("minLength") != std::string::npos || description.find("String length") != std::string::npos ||
      description.find("tring is too") != std::string::npos)
    return "text of the wrong length";
  if (description.find("minimum") != std::string::npos || description.find("maximum") != std::string::npos)
    return "number out of range";
  return "value not allowed by the schema";
}

}  // namespace

struct JsonSchema::Compiled {
  valijson::Schema schema;
};

JsonSchema::JsonSchema(Json schema) : compiled_(std::make_unique<Compiled>()) {
  drop_patterns(schema);
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), compiled_->schema);
}

JsonSchema::JsonSchema(std::string_view schema_text) : JsonSchema(Json::parse(schema_text)) {}
JsonSchema::~JsonSchema() = default;
JsonSchema::JsonSchema(JsonSchema &&) noexcept = default;
JsonSchema &JsonSchema::operator=(JsonSchema &&) noexcept = default;

Result<void> JsonSchema::validate(const Json &document, std::string_view what) const {
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(compiled_->schema, valijson::adapters::NlohmannJsonAdapter(document), &results)) return {};
  // The deepest complaint is the most exact one; those about its parents only repeat it.
  valijson::ValidationResults::Error error;
  std::string pointer, problem = "value not allowed by the schema";
  std::size_t depth = 0;
  while (results.popError(error)) {
    if (error.context.size() < depth) continue;
    if (error.context.size() == depth && problem != "value not allowed by the schema") continue;
    depth = error.context.size();
    pointer = pointer_of(error.context);
    problem = problem_of(error.description);
  }
  return fail(
      Error(Status::InvalidArgument, fmt::format("{}{}: {}", what, pointer.empty() ? "" : " at " + pointer, problem))
          .at(pointer));
}

}  // namespace cordon

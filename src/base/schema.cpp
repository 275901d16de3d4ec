#include "base/schema.hpp"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "base/own_stack.hpp"
#include "base/text.hpp"
#include "base/valijson.hpp"

namespace cordon {
namespace {

void drop_patterns(Json &node) {
  if (node.is_object()) {
    if (node.contains("patternProperties")) throw std::logic_error("a schema of ours uses patternProperties");
    if (const auto it = node.find("pattern"); it != node.end() && it->is_string()) node.erase(it);
  }
  if (node.is_structured())
    for (auto &child : node) drop_patterns(child);
}

/// valijson compares texts up to their first NUL, so none may have one. Returns the pointer of the first.
std::optional<std::string> find_nul(const Json &root) {
  std::vector<std::pair<const Json *, std::string>> rest{{&root, ""}};
  while (!rest.empty()) {
    const auto [node, pointer] = std::move(rest.back());
    rest.pop_back();
    if (node->is_string() && node->get_ref<const std::string &>().find('\0') != std::string::npos) return pointer;
    if (node->is_object())
      for (const auto &[key, child] : node->items()) {
        if (key.find('\0') != std::string::npos) return pointer;
        rest.emplace_back(&child, pointer + "/" + json_pointer_token(key));
      }
    if (node->is_array())
      for (std::size_t i = 0; i < node->size(); ++i) rest.emplace_back(&(*node)[i], fmt::format("{}/{}", pointer, i));
  }
  return std::nullopt;
}

struct Violation {
  std::vector<std::string> place;
  std::string problem;
};

/// valijson's sentences name keys and the schema's own limits but may end in a value; only the value-free ones are
/// passed on, those of the last list in their own words.
Violation violation_of(const valijson::ValidationResults::Error &error) {
  Violation found;
  // The context is a list like "<root>", "[tenants]", "[contoso]".
  for (std::size_t i = 1; i < error.context.size(); ++i) {
    const std::string &token = error.context[i];
    const bool bracketed = token.size() >= 2 && token.front() == '[' && token.back() == ']';
    found.place.push_back(bracketed ? token.substr(1, token.size() - 2) : token);
  }
  const std::string_view description = error.description;
  struct NamedKey {
    std::string_view beginning;
    const char *problem;
  };
  constexpr NamedKey kNamedKeys[] = {
      {"Object contains a property that could not be validated using 'properties' or 'additionalProperties' "
       "constraints: '",
       "unknown key"},
      {"Missing required property '", "this key is missing"}};
  for (const NamedKey &named : kNamedKeys)
    if (description.starts_with(named.beginning) && description.ends_with("'.")) {
      found.place.emplace_back(
          description.substr(named.beginning.size(), description.size() - named.beginning.size() - 2));
      found.problem = named.problem;
      return found;
    }
  constexpr std::pair<std::string_view, const char *> kSentences[] = {
      {"Value type not permitted by 'type' constraint", "wrong type"},
      {"Failed to match against any enum values", "not one of the allowed values"},
      {"Failed to match expected value set by 'const'", "not the allowed value"},
      {"Elements at indexes", "the same element twice"}};
  for (const auto &[beginning, problem] : kSentences)
    if (description.starts_with(beginning)) found.problem = problem;
  for (const std::string_view beginning :
       {"String should be no ", "Array should contain no ", "Object should have no ", "Expected number "})
    if (description.starts_with(beginning)) {
      found.problem = description.substr(0, description.find_last_not_of('.') + 1);
      found.problem[0] = to_lower(found.problem[0]);
      if (const auto zeros = found.problem.find(".000000"); zeros != std::string::npos) found.problem.erase(zeros, 7);
    }
  return found;
}

tl::unexpected<Error> violated(std::string_view what, const std::string &pointer, std::string_view problem) {
  const std::string place = pointer.empty() ? "" : " at " + printable(pointer, 200);
  return fail(Error(Status::InvalidArgument, fmt::format("{}{}: {}", what, place, problem)).at(pointer));
}

}  // namespace

struct JsonSchema::Compiled {
  valijson::Schema schema{[](std::size_t size) { return ::operator new(size); }, ::operator delete };
};

JsonSchema::JsonSchema(Json schema) : compiled_(std::make_unique<Compiled>()) {
  drop_patterns(schema);
  try {
    // It takes 12 KiB of stack for each level of a schema.
    on_own_stack([&] {
      valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
      parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), compiled_->schema);
    });
  } catch (const std::system_error &) {  // no thread can be had
    throw;
  } catch (const std::runtime_error &error) {
    throw std::logic_error(fmt::format("a schema of ours is broken: {}", error.what()));
  }
}

JsonSchema::JsonSchema(std::string_view schema_text) : JsonSchema(Json::parse(schema_text, nullptr, false)) {}
JsonSchema::~JsonSchema() = default;
JsonSchema::JsonSchema(JsonSchema &&) noexcept = default;
JsonSchema &JsonSchema::operator=(JsonSchema &&) noexcept = default;

Result<void> JsonSchema::validate(const Json &document, std::string_view what, std::string_view place) const {
  std::string pointer(place);
  if (const auto nul = find_nul(document)) return violated(what, pointer + *nul, "a NUL character is not allowed");
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(compiled_->schema, valijson::adapters::NlohmannJsonAdapter(document), &results)) return {};
  // The deepest complaint is the most exact one; those about its parents only repeat it.
  valijson::ValidationResults::Error error;
  Violation worst;
  while (results.popError(error)) {
    Violation next = violation_of(error);
    const bool deeper = next.place.size() > worst.place.size();
    if (deeper || (next.place.size() == worst.place.size() && worst.problem.empty())) worst = std::move(next);
  }
  for (const std::string &token : worst.place) pointer += "/" + json_pointer_token(token);
  return violated(what, pointer, worst.problem.empty() ? "value not allowed by the schema" : worst.problem);
}

}  // namespace cordon

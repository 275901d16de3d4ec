#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"

namespace cordon {

/// A draft-07 schema, compiled once. `pattern` is documentation for hosts and is not evaluated: the typed parsers check
/// those texts without std::regex's recursion. [any-thread] after construction.
class JsonSchema {
 public:
  /// `schema` is ours; a broken one throws std::logic_error.
  explicit JsonSchema(Json schema);
  JsonSchema(std::string_view schema_text);
  /// For a static reference: never destroyed, since calls may go on while exit() destroys what is static.
  template <class Source>
  static const JsonSchema &lasting(const Source &schema) {
    return *new JsonSchema(schema);
  }
  ~JsonSchema();
  JsonSchema(JsonSchema &&) noexcept;
  JsonSchema &operator=(JsonSchema &&) noexcept;

  /// Returns the first violation as INVALID_ARGUMENT with the JSON pointer of the place, an unknown or missing key
  /// included. `what` names the document; the message never quotes a value. `place`: where the document stands within
  /// what is named, put before each pointer.
  Result<void> validate(const Json &document, std::string_view what, std::string_view place = {}) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace cordon

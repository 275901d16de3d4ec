#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json_destroy.hpp"

namespace cordon {

/// Keys are sorted, so `dump()` of equal documents is equal.
using Json = nlohmann::json;

struct JsonLimits {
  std::size_t bytes = 1u << 20;
  int depth = 32;
};

/// Strict reader of everything that comes from outside: UTF-8, no duplicate key, bounded size and depth, nothing behind
/// the document. `what` names the input in messages ("config", "options"); the error (INVALID_ARGUMENT) carries the
/// JSON pointer of the place and never the text found there.
Result<Json> parse_json(std::string_view text, std::string_view what, JsonLimits limits = {});

/// For what this project has written itself and somebody may have changed since, as a row of the ledger: discarded
/// (is_discarded()) when it is no JSON, or nested deeper than anything that is ever written.
Json parse_stored(std::string_view text);

/// The reference token for a key: "~" and "/" escaped.
std::string json_pointer_token(std::string_view key);

/// Tolerant readers of the service's documents: the default when the key is absent, null or of another type.
std::string text_or(const Json &object, const char *key, std::string_view fallback = {});
std::int64_t int_or(const Json &object, const char *key, std::int64_t fallback);
bool bool_or(const Json &object, const char *key, bool fallback);

/// null for an empty text.
inline Json text_or_null(const std::string &text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

/// Compact, with invalid UTF-8 replaced: never throws for content.
std::string dump(const Json &json);

}  // namespace cordon

#pragma once

#include <cstdint>
#include <string_view>

#include "base/secure.hpp"
#include "base/text.hpp"

namespace cordon::identity {

/// Empty when absent or not a text; lives as long as `json`.
inline std::string_view text_of(const SecureJson &json, const char *key) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_string()) return {};
  return it->get_ref<const SecureString &>();
}

/// Numbers as numbers (v2) or as texts (v1); −1 when it is neither.
inline std::int64_t number_of(const SecureJson &json, const char *key) {
  const auto it = json.find(key);
  if (it != json.end() && it->is_number_integer()) return it->get<std::int64_t>();
  return parse_int(text_of(json, key)).value_or(-1);
}

}  // namespace cordon::identity

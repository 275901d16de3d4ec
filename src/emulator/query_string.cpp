#include "emulator/query_string.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace cordon::emulator {

std::optional<QueryString> QueryString::parse(std::string_view text) {
  QueryString out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(pair.size(), equals + 1)), true);
    if (!name || !value) return std::nullopt;
    out.pairs_.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

const std::string *QueryString::find(std::string_view name) const {
  const auto found = std::find_if(pairs_.begin(), pairs_.end(), [&](const auto &pair) { return pair.first == name; });
  return found == pairs_.end() ? nullptr : &found->second;
}

}  // namespace cordon::emulator

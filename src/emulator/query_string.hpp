#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cordon::emulator {

/// The decoded pairs of a query string or a form, in their order.
class QueryString {
 public:
  QueryString() = default;
  /// nullopt for a broken percent escape.
  static std::optional<QueryString> parse(std::string_view text);

  /// The first value of that name; names are compared exactly.
  const std::string *find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>> &pairs() const { return pairs_; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace cordon::emulator

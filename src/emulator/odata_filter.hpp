#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "emulator/odata_value.hpp"

namespace cordon::emulator {

/// A `$filter` expression, checked against the properties of one entity type (mde-api §6, §13): eq ne gt ge lt le, in,
/// and, or, not, parentheses, startswith(), any(). Neither reading nor evaluating recurses.
class ODataFilter {
 public:
  /// Everything matches.
  ODataFilter() = default;
  /// The error's message says what is wrong, for the answer's body.
  static Result<ODataFilter> parse(std::string_view text, std::span<const ODataProperty> properties);

  /// `value_of` gives the value of the property with this index.
  bool matches(const std::function<ODataValue(std::size_t)> &value_of) const;

  /// The texts this property must equal one of for anything to match, when the expression says so at its top level;
  /// nullopt when it does not. Lets a caller use an index instead of looking at every entity.
  std::optional<std::vector<std::string>> required_texts(std::size_t property) const;

 private:
  friend class ODataFilterParser;

  enum class Comparison { Eq, Ne, Gt, Ge, Lt, Le, In, StartsWith, AnyEq, AnyStartsWith };
  using Literal = std::variant<std::monostate, std::string, std::int64_t, UtcTicks>;
  struct Test {
    std::size_t property = 0;
    Comparison comparison = Comparison::Eq;
    std::vector<Literal> literals{};  ///< one, or those of an `in`
  };
  enum class Step : std::uint8_t { Test, And, Or, Not };

  static bool holds(const Test &test, const ODataValue &value);

  std::vector<Step> steps_;  ///< in postfix order; Test takes the next of tests_
  std::vector<Test> tests_;
};

}  // namespace cordon::emulator

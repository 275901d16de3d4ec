#include "emulator/odata_filter.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "emulator/odata_filter_parser.hpp"

namespace cordon::emulator {
namespace {

/// −1, 0, 1, or nothing for values that do not compare (null with anything but null, different kinds).
template <class Literal>
std::optional<int> compare(const ODataValue &value, const Literal &literal) {
  const auto order = [](const auto &a, const auto &b) { return a < b ? -1 : b < a ? 1 : 0; };
  if (const auto *text = std::get_if<std::string_view>(&value))
    if (const auto *other = std::get_if<std::string>(&literal)) return order(*text, std::string_view(*other));
  if (const auto *number = std::get_if<std::int64_t>(&value))
    if (const auto *other = std::get_if<std::int64_t>(&literal)) return order(*number, *other);
  if (const auto *time = std::get_if<UtcTicks>(&value))
    if (const auto *other = std::get_if<UtcTicks>(&literal)) return order(*time, *other);
  if (std::holds_alternative<std::monostate>(value) && std::holds_alternative<std::monostate>(literal)) return 0;
  return std::nullopt;
}

}  // namespace

std::size_t find_property(std::span<const ODataProperty> properties, std::string_view name) {
  const auto found = std::find_if(properties.begin(), properties.end(), [&](const ODataProperty &property) {
    return equal_ignoring_case(property.name, name);
  });
  return static_cast<std::size_t>(found - properties.begin());
}

Result<ODataFilter> ODataFilter::parse(std::string_view text, std::span<const ODataProperty> properties) {
  auto tokens = split_odata(text);
  if (!tokens) return fail(std::move(tokens.error()));
  return ODataFilterParser(std::move(*tokens), properties).parse();
}

bool ODataFilter::holds(const Test &test, const ODataValue &value) {
  const Literal &literal = test.literals.front();
  switch (test.comparison) {
    case Comparison::In:
      if (const auto *text = std::get_if<std::string_view>(&value))
        return std::binary_search(test.literals.begin(), test.literals.end(), Literal(std::string(*text)));
      return std::any_of(test.literals.begin(), test.literals.end(),
                         [&](const Literal &one) { return compare(value, one) == 0; });
    case Comparison::StartsWith: {
      const auto *text = std::get_if<std::string_view>(&value);
      return text != nullptr && text->starts_with(std::get<std::string>(literal));
    }
    case Comparison::AnyEq:
    case Comparison::AnyStartsWith: {
      const auto *list = std::get_if<const std::vector<std::string> *>(&value);
      const std::string &wanted = std::get<std::string>(literal);
      return list != nullptr && std::any_of((*list)->begin(), (*list)->end(), [&](const std::string &one) {
               return test.comparison == Comparison::AnyEq ? one == wanted : one.starts_with(wanted);
             });
    }
    default:
      break;
  }
  const std::optional<int> order = compare(value, literal);
  if (!order) return test.comparison == Comparison::Ne;
  switch (test.comparison) {
    case Comparison::Eq:
      return *order == 0;
    case Comparison::Ne:
      return *order != 0;
    case Comparison::Gt:
      return *order > 0;
    case Comparison::Ge:
      return *order >= 0;
    case Comparison::Lt:
      return *order < 0;
    default:
      return *order <= 0;
  }
}

bool ODataFilter::matches(const std::function<ODataValue(std::size_t)> &value_of) const {
  if (steps_.empty()) return true;
  std::vector<bool> stack;
  std::size_t next_test = 0;
  for (const Step step : steps_) {
    if (step == Step::Test) {
      const Test &test = tests_[next_test++];
      stack.push_back(holds(test, value_of(test.property)));
    } else if (step == Step::Not) {
      stack.back() = !stack.back();
    } else {
      const bool right = stack.back();
      stack.pop_back();
      stack.back() = step == Step::And ? stack.back() && right : stack.back() || right;
    }
  }
  return stack.back();
}

std::optional<std::vector<std::string>> ODataFilter::required_texts(std::size_t property) const {
  // Only a pure conjunction says so for certain; anything else is evaluated row by row.
  const auto plain = [](Step step) { return step == Step::Test || step == Step::And; };
  if (!std::all_of(steps_.begin(), steps_.end(), plain)) return std::nullopt;
  for (const Test &test : tests_) {
    if (test.property != property) continue;
    if (test.comparison != Comparison::Eq && test.comparison != Comparison::In) continue;
    std::vector<std::string> texts;
    for (const Literal &literal : test.literals)
      if (const auto *text = std::get_if<std::string>(&literal)) texts.push_back(*text);
    return texts;
  }
  return std::nullopt;
}

}  // namespace cordon::emulator

#include "emulator/odata_filter_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ids.hpp"
#include "base/text.hpp"

namespace cordon::emulator {
namespace {

constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kMaxTests = 5'000;

bool is_text(PropertyKind kind) {
  return kind == PropertyKind::Text || kind == PropertyKind::Guid || kind == PropertyKind::Enum ||
         kind == PropertyKind::TextList;
}

/// Times may lack the time of day: `2018-08-01Z` (mde-api §6).
std::optional<UtcTicks> parse_time(std::string_view text) {
  if (const auto time = UtcTicks::parse(text)) return time;
  if (text.ends_with('Z')) text.remove_suffix(1);
  return text.size() == 10 ? UtcTicks::parse(std::string(text) + "T00:00:00Z") : std::nullopt;
}

}  // namespace

tl::unexpected<Error> ODataFilterParser::problem(std::string_view what) const {
  return fail(Status::InvalidArgument, fmt::format("{} at position {}", what, token().position));
}

Result<ODataFilter> ODataFilterParser::parse() {
  while (wants_operand_ || token().kind != ODataToken::Kind::End) {
    const Result<void> step = wants_operand_ ? operand() : after_operand();
    if (!step) return fail(step.error());
    if (filter_.tests_.size() > kMaxTests) return problem("The expression has too many terms");
  }
  reduce(Pending::Or);
  if (!pending_.empty()) return problem("')' expected");
  return std::move(filter_);
}

Result<void> ODataFilterParser::operand() {
  if (token().is_mark('(')) {
    ++at_;
    return push(Pending::Open);
  }
  if (token().is_word("not")) {
    ++at_;
    return push(Pending::Not);
  }
  if (token().kind != ODataToken::Kind::Word) return problem("Expression expected");
  Result<void> test = token().is_word("startswith") ? starts_with() : ahead(1).is_mark('/') ? any() : comparison();
  wants_operand_ = false;
  return test;
}

Result<void> ODataFilterParser::after_operand() {
  if (token().is_mark(')')) {
    reduce(Pending::Or);
    if (pending_.empty()) return problem("Unexpected ')'");
    pending_.pop_back();
    ++at_;
    return {};
  }
  const bool conjunction = token().is_word("and");
  if (!conjunction && !token().is_word("or")) return problem("Syntax error");
  ++at_;
  const Pending pending = conjunction ? Pending::And : Pending::Or;
  reduce(pending);
  wants_operand_ = true;
  return push(pending);
}

Result<void> ODataFilterParser::push(Pending pending) {
  if (pending_.size() >= kMaxDepth) return problem("The expression is nested too deeply");
  pending_.push_back(pending);
  return {};
}

/// Moves the operators that bind at least as tightly as `least` to the output, down to the next parenthesis.
void ODataFilterParser::reduce(Pending least) {
  while (!pending_.empty() && pending_.back() != Pending::Open && pending_.back() >= least) {
    filter_.steps_.push_back(pending_.back() == Pending::Or    ? ODataFilter::Step::Or
                             : pending_.back() == Pending::And ? ODataFilter::Step::And
                                                               : ODataFilter::Step::Not);
    pending_.pop_back();
  }
}

void ODataFilterParser::add_test(std::size_t property, Comparison comparison, std::vector<Literal> literals) {
  filter_.steps_.push_back(ODataFilter::Step::Test);
  filter_.tests_.push_back({property, comparison, std::move(literals)});
}

Result<void> ODataFilterParser::comparison() {
  const auto left = property();
  if (!left) return fail(left.error());
  if (properties_[*left].kind == PropertyKind::TextList) return problem("A collection can only be used with any()");
  const std::string operation = token().kind == ODataToken::Kind::Word ? token().text : std::string();
  static constexpr std::array<std::pair<std::string_view, Comparison>, 6> kOperators = {{{"eq", Comparison::Eq},
                                                                                         {"ne", Comparison::Ne},
                                                                                         {"gt", Comparison::Gt},
                                                                                         {"ge", Comparison::Ge},
                                                                                         {"lt", Comparison::Lt},
                                                                                         {"le", Comparison::Le}}};
  if (operation == "in") return in_list(*left);
  const auto *found =
      std::find_if(kOperators.begin(), kOperators.end(), [&](const auto &entry) { return entry.first == operation; });
  if (found == kOperators.end()) return problem("Operator expected");
  ++at_;
  auto right = literal(*left);
  if (!right) return fail(std::move(right.error()));
  add_test(*left, found->second, {std::move(*right)});
  return {};
}

Result<void> ODataFilterParser::in_list(std::size_t left) {
  ++at_;
  std::vector<Literal> literals;
  if (auto open = expect('('); !open) return open;
  for (;;) {
    auto next = literal(left);
    if (!next) return fail(std::move(next.error()));
    literals.push_back(std::move(*next));
    if (!token().is_mark(',')) break;
    ++at_;
  }
  std::sort(literals.begin(), literals.end());
  add_test(left, Comparison::In, std::move(literals));
  return expect(')');
}

Result<void> ODataFilterParser::starts_with() {
  ++at_;
  if (auto open = expect('('); !open) return open;
  const auto left = property();
  if (!left) return fail(left.error());
  if (properties_[*left].kind != PropertyKind::Text) return problem("startswith() needs a text");
  if (auto comma = expect(','); !comma) return comma;
  if (token().kind != ODataToken::Kind::Quoted) return problem("A quoted text is expected");
  add_test(*left, Comparison::StartsWith, {token().text});
  ++at_;
  return expect(')');
}

/// `machineTags/any(t: t eq 'X')` or `machineTags/any(t: startswith(t,'X'))`
Result<void> ODataFilterParser::any() {
  const auto left = property();
  if (!left) return fail(left.error());
  if (properties_[*left].kind != PropertyKind::TextList) return problem("any() needs a collection");
  ++at_;
  if (!token().is_word("any")) return problem("any() expected");
  ++at_;
  if (auto open = expect('('); !open) return open;
  const std::string variable = token().text;
  if (token().kind != ODataToken::Kind::Word) return problem("A range variable is expected");
  ++at_;
  if (auto colon = expect(':'); !colon) return colon;
  const bool prefix = token().is_word("startswith");
  if (prefix) {
    ++at_;
    if (auto open = expect('('); !open) return open;
  }
  if (!token().is_word(variable)) return problem("The range variable is expected");
  ++at_;
  if (prefix) {
    if (auto comma = expect(','); !comma) return comma;
  } else {
    if (!token().is_word("eq")) return problem("eq expected");
    ++at_;
  }
  if (token().kind != ODataToken::Kind::Quoted) return problem("A quoted text is expected");
  add_test(*left, prefix ? Comparison::AnyStartsWith : Comparison::AnyEq, {token().text});
  ++at_;
  if (prefix) {
    if (auto close = expect(')'); !close) return close;
  }
  return expect(')');
}

Result<std::size_t> ODataFilterParser::property() {
  if (token().kind != ODataToken::Kind::Word) return problem("A property is expected");
  const std::size_t index = find_property(properties_, token().text);
  if (index == properties_.size())
    return problem(fmt::format("Could not find a property named '{}'", printable(token().text, 60)));
  ++at_;
  return index;
}

/// Texts, Guids and enum values are quoted, times and numbers are not; a bare Guid is standard OData too.
Result<ODataFilterParser::Literal> ODataFilterParser::literal(std::size_t property) {
  const ODataProperty &wanted = properties_[property];
  const ODataToken current = token();
  const bool quoted = current.kind == ODataToken::Kind::Quoted;
  if (!quoted && current.kind != ODataToken::Kind::Word) return problem("A literal is expected");
  if (!quoted && current.text == "null") {
    ++at_;
    return Literal();
  }
  if (wanted.kind == PropertyKind::Time) {
    const auto time = quoted ? std::nullopt : parse_time(current.text);
    if (!time) return problem("A date and time without quotes is expected");
    ++at_;
    return Literal(*time);
  }
  if (wanted.kind == PropertyKind::Integer) {
    const auto number = quoted ? std::nullopt : parse_int(current.text);
    if (!number) return problem("A whole number is expected");
    ++at_;
    return Literal(*number);
  }
  if (wanted.kind == PropertyKind::Guid) {
    if (!is_uuid(current.text)) return problem("A Guid is expected");
    ++at_;
    return Literal(to_lower(current.text));
  }
  if (!quoted || !is_text(wanted.kind)) return problem("A quoted text is expected");
  if (wanted.kind != PropertyKind::Enum) {
    ++at_;
    return Literal(current.text);
  }
  for (const std::string_view value : wanted.enum_values) {
    if (!equal_ignoring_case(value, current.text)) continue;
    ++at_;
    return Literal(std::string(value));
  }
  return problem(fmt::format("'{}' is not a value of {}", printable(current.text, 60), wanted.name));
}

Result<void> ODataFilterParser::expect(char mark) {
  if (!token().is_mark(mark)) return problem(fmt::format("'{}' expected", mark));
  ++at_;
  return {};
}

}  // namespace cordon::emulator

#pragma once

#include <string>
#include <vector>

#include "emulator/odata_filter.hpp"
#include "emulator/odata_tokens.hpp"

namespace cordon::emulator {

/// Turns the words of an expression into postfix order with two explicit stacks (shunting yard). Precedence as in OData
/// v4: not, and, or.
class ODataFilterParser {
 public:
  ODataFilterParser(std::vector<ODataToken> tokens, std::span<const ODataProperty> properties)
      : tokens_(std::move(tokens)), properties_(properties) {}
  Result<ODataFilter> parse();

 private:
  using Literal = ODataFilter::Literal;
  using Comparison = ODataFilter::Comparison;
  enum class Pending { Open, Or, And, Not };

  Result<void> operand();
  Result<void> after_operand();
  Result<void> comparison();
  Result<void> starts_with();
  Result<void> any();
  Result<void> in_list(std::size_t property);
  Result<std::size_t> property();
  Result<Literal> literal(std::size_t property);
  Result<void> expect(char mark);
  Result<void> push(Pending pending);
  void reduce(Pending least);
  void add_test(std::size_t property, Comparison comparison, std::vector<Literal> literals);

  const ODataToken &token() const { return tokens_[at_]; }
  const ODataToken &ahead(std::size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  tl::unexpected<Error> problem(std::string_view what) const;

  std::vector<ODataToken> tokens_;
  std::span<const ODataProperty> properties_;
  std::size_t at_ = 0;
  bool wants_operand_ = true;
  std::vector<Pending> pending_;
  ODataFilter filter_;
};

}  // namespace cordon::emulator

#include "emulator/odata_query.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace cordon::emulator {
namespace {

Result<std::size_t> row_count(std::string_view option, std::string_view text) {
  const auto number = parse_int(text);
  if (!number || *number < 0)
    return fail(Status::InvalidArgument,
                fmt::format("Invalid value '{}' for {} query option found. It requires a non-negative integer value.",
                            printable(text, 40), option));
  return static_cast<std::size_t>(*number);
}

/// "a desc, b": words and commas.
Result<std::vector<ODataQuery::Order>> parse_order(std::string_view text, std::span<const ODataProperty> properties) {
  const auto tokens = split_odata(text);
  if (!tokens) return fail(tokens.error());
  std::vector<ODataQuery::Order> out;
  for (std::size_t at = 0;; ++at) {
    const std::size_t property = find_property(properties, (*tokens)[at].text);
    if ((*tokens)[at].kind != ODataToken::Kind::Word || property == properties.size())
      return fail(Status::InvalidArgument,
                  fmt::format("Could not find a property named '{}'", printable((*tokens)[at].text, 60)));
    out.push_back({property, false});
    const ODataToken &direction = (*tokens)[at + 1];
    if (direction.is_word("asc") || direction.is_word("desc")) {
      out.back().descending = direction.is_word("desc");
      ++at;
    }
    ++at;
    if ((*tokens)[at].kind == ODataToken::Kind::End) return out;
    if (!(*tokens)[at].is_mark(',')) return fail(Status::InvalidArgument, "Syntax error in $orderby");
  }
}

}  // namespace

Result<ODataQuery> ODataQuery::parse(const QueryString &query, std::span<const ODataProperty> properties) {
  ODataQuery out;
  for (const auto &[name, value] : query.pairs()) {
    if (name == "$filter") {
      auto filter = ODataFilter::parse(value, properties);
      if (!filter) return fail(std::move(filter.error()));
      out.filter = std::move(*filter);
    } else if (name == "$top") {
      const auto top = row_count(name, value);
      if (!top) return fail(top.error());
      if (*top > kMaxPage)
        return fail(Status::InvalidArgument,
                    fmt::format("The limit of '{}' for Top query has been exceeded. The value from the incoming request"
                                " is '{}'.",
                                kMaxPage, *top));
      out.top = *top;
    } else if (name == "$skip") {
      const auto skip = row_count(name, value);
      if (!skip) return fail(skip.error());
      out.skip = *skip;
    } else if (name == "$orderby") {
      auto order = parse_order(value, properties);
      if (!order) return fail(std::move(order.error()));
      out.order = std::move(*order);
    } else if (name == "$count") {
      if (value != "true" && value != "false")
        return fail(Status::InvalidArgument, "Invalid value for $count query option found.");
      out.count = value == "true";
    } else if (name.starts_with('$')) {
      return fail(Status::InvalidArgument,
                  fmt::format("Custom query option '{}' that starts with '$' is not supported.", printable(name, 60)));
    }
  }
  return out;
}

}  // namespace cordon::emulator

#include "defender/odata.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace cordon::defender {

std::string ODataQuery::quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += c;
    out += c;
  }
  return out + "'";
}

ODataQuery &ODataQuery::term(std::string term) {
  if (!filter_.empty()) filter_ += " and ";
  filter_ += term;
  return *this;
}

ODataQuery &ODataQuery::equals(std::string_view property, std::string_view text) {
  return term(fmt::format("{} eq {}", property, quote(text)));
}

ODataQuery &ODataQuery::equals(std::string_view property, std::int64_t number) {
  return term(fmt::format("{} eq {}", property, number));
}

ODataQuery &ODataQuery::any_of(std::string_view property, const std::vector<std::string> &texts) {
  if (texts.empty()) return *this;
  if (texts.size() == 1) return equals(property, texts.front());
  std::string list;
  for (const std::string &text : texts) list += (list.empty() ? "" : ",") + quote(text);
  return term(fmt::format("{} in ({})", property, list));
}

ODataQuery &ODataQuery::since(std::string_view property, UtcTicks time) {
  return term(fmt::format("{} ge {}", property, time.str()));
}

ODataQuery &ODataQuery::after(std::string_view property, UtcTicks time) {
  return term(fmt::format("{} gt {}", property, time.str()));
}

ODataQuery &ODataQuery::starts_with(std::string_view property, std::string_view prefix) {
  return term(fmt::format("startswith({},{})", property, quote(prefix)));
}

ODataQuery &ODataQuery::contains(std::string_view property, std::string_view text) {
  return term(fmt::format("{}/any(t: t eq {})", property, quote(text)));
}

ODataQuery &ODataQuery::order_by(std::string_view property, bool descending) {
  order_ = fmt::format("{} {}", property, descending ? "desc" : "asc");
  return *this;
}

ODataQuery &ODataQuery::open_or_since(UtcTicks time) {
  return term(fmt::format("(status eq 'Pending' or status eq 'InProgress' or creationDateTimeUtc ge {})", time.str()));
}

ODataQuery &ODataQuery::top(std::int64_t rows) {
  top_ = rows;
  return *this;
}

ODataQuery &ODataQuery::skip(std::int64_t rows) {
  skip_ = rows;
  return *this;
}

std::string ODataQuery::str() const {
  std::string out;
  const auto add = [&out](std::string_view option, const std::string &value) {
    out += fmt::format("{}{}={}", out.empty() ? '?' : '&', option, value);
  };
  if (!filter_.empty()) add("$filter", percent_encode(filter_));
  if (!order_.empty()) add("$orderby", percent_encode(order_));
  if (top_ >= 0) add("$top", std::to_string(top_));
  if (skip_ > 0) add("$skip", std::to_string(skip_));
  return out;
}

}  // namespace cordon::defender

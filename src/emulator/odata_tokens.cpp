#include "emulator/odata_tokens.hpp"

#include <fmt/format.h>

namespace cordon::emulator {
namespace {

constexpr std::string_view kMarks = "(),/";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Reads the quoted text that starts at `at`, which is left behind the closing quote.
Result<std::string> read_quoted(std::string_view text, std::size_t &at) {
  const std::size_t start = at++;
  std::string out;
  for (; at < text.size(); ++at) {
    if (text[at] != '\'') {
      out += text[at];
    } else if (at + 1 < text.size() && text[at + 1] == '\'') {
      out += text[at++];
    } else {
      ++at;
      return out;
    }
  }
  return fail(Status::InvalidArgument, fmt::format("There is an unterminated string literal at position {}", start));
}

bool ends_word(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == ':') return at == 0 || !is_digit(text[at - 1]);
  return c == ' ' || c == '\t' || c == '\'' || kMarks.find(c) != std::string_view::npos;
}

}  // namespace

Result<std::vector<ODataToken>> split_odata(std::string_view text) {
  std::vector<ODataToken> tokens;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    const std::size_t start = at;
    if (c == ' ' || c == '\t') {
      ++at;
    } else if (c == '\'') {
      auto quoted = read_quoted(text, at);
      if (!quoted) return fail(std::move(quoted.error()));
      tokens.push_back({ODataToken::Kind::Quoted, std::move(*quoted), start});
    } else if (ends_word(text, at)) {
      tokens.push_back({ODataToken::Kind::Mark, std::string(1, c), start});
      ++at;
    } else {
      while (at < text.size() && !ends_word(text, at)) ++at;
      tokens.push_back({ODataToken::Kind::Word, std::string(text.substr(start, at - start)), start});
    }
  }
  tokens.push_back({ODataToken::Kind::End, {}, text.size()});
  return tokens;
}

}  // namespace cordon::emulator

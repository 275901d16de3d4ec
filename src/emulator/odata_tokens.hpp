#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace cordon::emulator {

/// A word of an OData expression. Quoted: the text between the quotes, with '' undone. Word: everything that is neither
/// quoted nor punctuation, e.g. names, operators, numbers, times. Mark: one of ( ) , / :
struct ODataToken {
  enum class Kind { Word, Quoted, Mark, End };
  Kind kind = Kind::End;
  std::string text{};
  std::size_t position = 0;

  bool is_mark(char c) const { return kind == Kind::Mark && text[0] == c; }
  bool is_word(std::string_view word) const { return kind == Kind::Word && text == word; }
};

/// Always ends in an End token. A ':' belongs to a word when a digit precedes it, as in times.
Result<std::vector<ODataToken>> split_odata(std::string_view text);

}  // namespace cordon::emulator

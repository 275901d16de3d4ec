#include "base/secure_json.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <charconv>
#include <vector>

#include "base/text.hpp"

namespace cordon {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(SecureString &out, unsigned code) {
  const auto push = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return push(code);
  if (code < 0x800) {
    push(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      push(0xe0 | (code >> 12));
    } else {
      push(0xf0 | (code >> 18));
      push(0x80 | ((code >> 12) & 0x3f));
    }
    push(0x80 | ((code >> 6) & 0x3f));
  }
  push(0x80 | (code & 0x3f));
}

/// Reads one document without recursion; every `bool` below is "went well", the reason for false is in `problem_`.
class SecureReader {
 public:
  SecureReader(std::string_view text, int max_depth) : text_(text), max_depth_(static_cast<std::size_t>(max_depth)) {}

  bool read(SecureJson &root) {
    if (!is_utf8(text_)) return wrong("is not valid UTF-8");
    SecureJson *slot = &root;
    while (slot != nullptr)
      if (!begin_value(*slot) || !next_slot(slot)) return false;
    skip_space();
    return at_ == text_.size() || wrong("has something behind its end");
  }

  std::size_t position() const { return at_; }
  const char *problem() const { return problem_; }

 private:
  /// A scalar is read whole; an object or array is opened.
  bool begin_value(SecureJson &slot) {
    skip_space();
    switch (peek()) {
      case '{':
        return open(slot, SecureJson::value_t::object);
      case '[':
        return open(slot, SecureJson::value_t::array);
      case '"':
        slot = SecureJson(SecureJson::value_t::string);
        return read_string(slot.get_ref<SecureString &>());
      case 't':
        return literal(slot, "true", true);
      case 'f':
        return literal(slot, "false", false);
      case 'n':
        return literal(slot, "null", nullptr);
      default:
        return read_number(slot);
    }
  }

  bool open(SecureJson &slot, SecureJson::value_t type) {
    if (open_.size() >= max_depth_) return wrong("is nested too deep");
    slot = SecureJson(type);
    open_.push_back(&slot);
    fresh_ = true;
    ++at_;
    return true;
  }

  /// Behind a value or an opening bracket: closes what ends here and finds the place of the next value; null at the
  /// end.
  bool next_slot(SecureJson *&slot) {
    for (;;) {
      slot = nullptr;
      if (open_.empty()) return true;
      SecureJson &parent = *open_.back();
      skip_space();
      if (take(parent.is_object() ? '}' : ']')) {
        open_.pop_back();
        fresh_ = false;
        continue;
      }
      if (!fresh_ && !take(',')) return wrong();
      fresh_ = false;
      if (parent.is_object()) return read_key(parent, slot);
      parent.push_back(nullptr);
      slot = &parent.back();
      return true;
    }
  }

  bool read_key(SecureJson &parent, SecureJson *&slot) {
    skip_space();
    SecureString key;
    if (peek() != '"' || !read_string(key)) return wrong();
    if (parent.contains(key)) return wrong("has the same key twice");
    skip_space();
    if (!take(':')) return wrong();
    slot = &parent[key];
    return true;
  }

  bool read_string(SecureString &out) {
    ++at_;
    for (;;) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20)
        ++at_;
      out.append(text_.data() + begin, at_ - begin);
      if (take('"')) return true;
      if (!take('\\') || !read_escape(out)) return wrong();
    }
  }

  bool read_escape(SecureString &out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char c = peek();
    if (const auto i = kNames.find(c); at_ < text_.size() && i != std::string_view::npos) {
      ++at_;
      out.push_back(kMeanings[i]);
      return true;
    }
    unsigned code = 0;
    if (!read_code_unit(code)) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
      unsigned low = 0;
      if (!take('\\') || !read_code_unit(low) || low < 0xdc00 || low > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
      return false;
    }
    append_utf8(out, code);
    return true;
  }

  bool read_code_unit(unsigned &code) {
    if (!take('u') || text_.size() - at_ < 4) return false;
    const char *begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, begin + 4, code, 16);
    at_ += 4;
    return error == std::errc() && end == begin + 4;
  }

  bool read_number(SecureJson &slot) {
    const std::size_t begin = at_;
    const bool negative = take('-');
    if (!take('0') && !take_digits()) return wrong();
    bool whole = true;
    if (take('.')) {
      whole = false;
      if (!take_digits()) return wrong();
    }
    if (take('e') || take('E')) {
      whole = false;
      if (!take('+')) take('-');
      if (!take_digits()) return wrong();
    }
    const std::string_view digits = text_.substr(begin, at_ - begin);
    if (whole && (negative ? store<std::int64_t>(slot, digits) : store<std::uint64_t>(slot, digits))) return true;
    return store<double>(slot, digits) || wrong("has a number out of range");
  }

  template <class Number>
  static bool store(SecureJson &slot, std::string_view digits) {
    Number value{};
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) return false;
    slot = value;
    return true;
  }

  template <class Value>
  bool literal(SecureJson &slot, std::string_view word, Value value) {
    if (text_.substr(at_, word.size()) != word) return wrong();
    at_ += word.size();
    slot = value;
    return true;
  }

  bool take_digits() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ != begin;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool wrong(const char *problem = "is not valid JSON") {
    if (problem_ == nullptr) problem_ = problem;
    return false;
  }

  std::string_view text_;
  std::size_t max_depth_;
  std::size_t at_ = 0;
  std::vector<SecureJson *> open_;
  bool fresh_ = false;  ///< the innermost object or array was just opened
  const char *problem_ = nullptr;
};

}  // namespace

Result<SecureJson> parse_secure_json(std::string_view text, std::string_view what, JsonLimits limits) {
  if (text.size() > limits.bytes)
    return fail(Status::InvalidArgument,
                fmt::format("{} has {} bytes; at most {} are accepted", what, text.size(), limits.bytes));
  SecureJson root;
  SecureReader reader(text, limits.depth);
  if (reader.read(root)) return root;
  return fail(Status::InvalidArgument, fmt::format("{} {} (near byte {})", what, reader.problem(), reader.position()));
}

SecureString dump_secure_json(const SecureJson &json) {
  SecureString text = json.dump();
  sodium_stackzero(4096);  // nlohmann formats strings in a buffer on the stack
  return text;
}

}  // namespace cordon

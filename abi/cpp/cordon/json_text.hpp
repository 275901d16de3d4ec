#pragma once

#include <algorithm>
#include <charconv>
#include <system_error>

#include "json.hpp"

// The reading and writing behind json.hpp.
namespace cordon::json {

inline const Value &Value::operator[](std::string_view key) const {
  static const Value none;
  const Members *const all = members();
  if (all == nullptr) return none;
  const auto found = all->find(key);
  return found == all->end() ? none : found->second;
}

inline void Value::set(std::string_view key, Value value) {
  if (!is_object()) value_ = Members();
  std::get<Members>(value_).insert_or_assign(std::string(key), std::move(value));
}

namespace detail {

inline void write_string(std::string &out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  static constexpr std::string_view kControls = "\b\f\n\r\t", kLetters = "bfnrt";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (const std::size_t at = kControls.find(c); at != std::string_view::npos) {
      out += '\\';
      out += kLetters[at];
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 0xfU];
    } else {
      out += c;
    }
  }
  out += '"';
}

template <class Number>
void write_number(std::string &out, Number number) {
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Value document() {
    Value made = value(0);
    skip_blanks();
    if (at_ != text_.size()) fail();
    return made;
  }

 private:
  static constexpr int kMaxDepth = 64;

  [[noreturn]] void fail() const {
    throw std::invalid_argument("cordon::json: no JSON at byte " + std::to_string(at_));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_blanks() { at_ = std::min(text_.size(), text_.find_first_not_of(" \t\r\n", at_)); }
  bool take(char expected) {
    skip_blanks();
    if (peek() != expected) return false;
    ++at_;
    return true;
  }
  void expect(char expected) {
    if (!take(expected)) fail();
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Value value(int depth) {
    if (depth > kMaxDepth) fail();
    skip_blanks();
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return Value(string());
      default:
        break;
    }
    if (take_word("true")) return Value(true);
    if (take_word("false")) return Value(false);
    if (take_word("null")) return Value();
    return number();
  }

  Value object(int depth) {
    Value made = Value::object();
    expect('{');
    if (take('}')) return made;
    do {
      skip_blanks();
      std::string key = string();
      expect(':');
      made.set(key, value(depth + 1));
    } while (take(','));
    expect('}');
    return made;
  }

  Value array(int depth) {
    Value::Array made;
    expect('[');
    if (take(']')) return Value(std::move(made));
    do made.push_back(value(depth + 1));
    while (take(','));
    expect(']');
    return Value(std::move(made));
  }

  Value number() {
    const char *const first = text_.data() + at_;
    const std::size_t end = std::min(text_.size(), text_.find_first_not_of("+-.0123456789eE", at_));
    const char *const last = text_.data() + end;
    std::int64_t integer = 0;
    if (const auto read = std::from_chars(first, last, integer);
        read.ec == std::errc() && read.ptr == last && first != last) {
      at_ = end;
      return Value(integer);
    }
    double real = 0;
    if (const auto read = std::from_chars(first, last, real);
        read.ec != std::errc() || read.ptr != last || first == last)
      fail();
    at_ = end;
    return Value(real);
  }

  std::string string() {
    std::string made;
    expect('"');
    while (true) {
      const std::size_t end = text_.find_first_of("\"\\", at_);
      if (end == std::string_view::npos) fail();
      made += text_.substr(at_, end - at_);
      at_ = end + 1;
      if (text_[end] == '"') return made;
      escape(made);
    }
  }

  void escape(std::string &out) {
    static constexpr std::string_view kLetters = "bfnrt\"\\/", kMeant = "\b\f\n\r\t\"\\/";
    const char letter = peek();
    ++at_;
    if (letter == 'u') {
      unsigned long code = hex();
      if (code >= 0xd800 && code < 0xdc00 && take_word("\\u"))
        code = 0x10000 + ((code - 0xd800) << 10U) + (hex() - 0xdc00);
      write_utf8(out, code);
    } else if (const std::size_t known = kLetters.find(letter); known != std::string_view::npos) {
      out += kMeant[known];
    } else {
      fail();
    }
  }

  unsigned long hex() {
    unsigned long code = 0;
    const std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 4 || read.ptr != digits.data() + 4) fail();
    at_ += 4;
    return code;
  }

  static void write_utf8(std::string &out, unsigned long code) {
    const auto put = [&out](unsigned long byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xc0U | (code >> 6U));
    } else {
      if (code < 0x10000) {
        put(0xe0U | (code >> 12U));
      } else {
        put(0xf0U | ((code >> 18U) & 0x7U));
        put(0x80U | ((code >> 12U) & 0x3fU));
      }
      put(0x80U | ((code >> 6U) & 0x3fU));
    }
    put(0x80U | (code & 0x3fU));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace detail

inline std::string Value::dump() const {
  std::string out;
  dump_to(out);
  return out;
}

inline void Value::dump_to(std::string &out) const {
  if (is_null()) {
    out += "null";
  } else if (const bool *is = boolean()) {
    out += *is ? "true" : "false";
  } else if (const std::int64_t *number = integer()) {
    detail::write_number(out, *number);
  } else if (const double *decimal = real()) {
    detail::write_number(out, *decimal);
  } else if (const std::string *words = text()) {
    detail::write_string(out, *words);
  } else if (const Array *values = array()) {
    out += '[';
    for (const Value &value : *values) {
      if (out.back() != '[') out += ',';
      value.dump_to(out);
    }
    out += ']';
  } else {
    out += '{';
    for (const auto &[key, value] : *members()) {
      if (out.back() != '{') out += ',';
      detail::write_string(out, key);
      out += ':';
      value.dump_to(out);
    }
    out += '}';
  }
}

inline Value parse(std::string_view text) {
  return detail::Reader(text).document();
}

}  // namespace cordon::json

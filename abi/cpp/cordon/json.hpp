#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// A JSON value, small enough to come along with a header. It reads what the library writes and writes what the library
/// reads; for more, take the text of `dump()` to the JSON library of your choice.
namespace cordon::json {

class Value {
 public:
  using Array = std::vector<Value>;
  using Members = std::map<std::string, Value, std::less<>>;

  Value() = default;
  Value(std::nullptr_t) {}
  Value(bool value) : value_(value) {}
  Value(std::int64_t value) : value_(value) {}
  Value(int value) : value_(static_cast<std::int64_t>(value)) {}
  Value(double value) : value_(value) {}
  Value(std::string value) : value_(std::move(value)) {}
  Value(std::string_view value) : value_(std::string(value)) {}
  Value(const char *value) : value_(std::string(value)) {}
  Value(Array values) : value_(std::move(values)) {}

  static Value object() {
    Value made;
    made.value_ = Members();
    return made;
  }

  bool is_null() const { return holds<std::nullptr_t>(); }
  bool is_object() const { return holds<Members>(); }
  bool is_array() const { return holds<Array>(); }

  /// The value, or nullptr when it is of another type.
  const std::string *text() const { return std::get_if<std::string>(&value_); }
  const std::int64_t *integer() const { return std::get_if<std::int64_t>(&value_); }
  const double *real() const { return std::get_if<double>(&value_); }
  const bool *boolean() const { return std::get_if<bool>(&value_); }
  const Array *array() const { return std::get_if<Array>(&value_); }
  const Members *members() const { return std::get_if<Members>(&value_); }

  /// A member of an object; a null value when there is none. Valid as long as this object is not changed.
  inline const Value &operator[](std::string_view key) const;
  /// Sets a member; what is no object becomes one.
  inline void set(std::string_view key, Value value);

  /// Compact, keys sorted, UTF-8.
  inline std::string dump() const;

 private:
  template <class T>
  bool holds() const {
    return std::holds_alternative<T>(value_);
  }
  inline void dump_to(std::string &out) const;

  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Members> value_;
};

/// Throws std::invalid_argument for what is no JSON, and for more than 64 levels.
inline Value parse(std::string_view text);

// ---- Members of documents ----

inline void read_value(const Value &value, std::string &out) {
  if (const std::string *text = value.text()) out = *text;
}
inline void read_value(const Value &value, std::int64_t &out) {
  if (const std::int64_t *number = value.integer()) out = *number;
}
inline void read_value(const Value &value, bool &out) {
  if (const bool *is = value.boolean()) out = *is;
}
inline void read_value(const Value &value, Value &out) {
  out = value;
}
inline void read_value(const Value &value, std::map<std::string, std::string> &out) {
  if (value.members() == nullptr) return;
  for (const auto &[key, label] : *value.members())
    if (const std::string *text = label.text()) out[key] = *text;
}

/// Leaves `out` as it is when the member is absent or of another type.
template <class T>
void read(const Value &document, std::string_view key, T &out) {
  read_value(document[key], out);
}
template <class T>
void read(const Value &document, std::string_view key, std::optional<T> &out) {
  const Value &value = document[key];
  if (value.is_null()) return;
  T found{};
  read_value(value, found);
  out = std::move(found);
}

inline Value to_json(const std::map<std::string, std::string> &labels) {
  Value made = Value::object();
  for (const auto &[key, value] : labels) made.set(key, value);
  return made;
}
template <class T>
auto to_json(const T &value) -> decltype(Value(value)) {
  return Value(value);
}

/// Writes the member, null for an optional that is empty.
template <class T>
void write(Value &document, std::string_view key, const T &value) {
  document.set(key, to_json(value));
}
template <class T>
void write(Value &document, std::string_view key, const std::optional<T> &value) {
  document.set(key, value ? to_json(*value) : Value());
}

/// Writes the member unless the optional is empty, or there are no labels.
template <class T>
void write_if_set(Value &document, std::string_view key, const std::optional<T> &value) {
  if (value) write(document, key, value);
}
inline void write_if_set(Value &document, std::string_view key, const std::map<std::string, std::string> &labels) {
  if (!labels.empty()) write(document, key, labels);
}

}  // namespace cordon::json

#include "json_text.hpp"

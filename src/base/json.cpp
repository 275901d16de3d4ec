#include "base/json.hpp"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "base/text.hpp"

namespace cordon {
namespace {

constexpr std::size_t kMaxPlaceInMessage = 200;
constexpr std::size_t kMaxPointer = 4096;
// What came from outside, and what is written around it.
constexpr int kStoredDepth = 2 * JsonLimits().depth;

/// Counted before anything is built, for what is built has to be destroyed again.
bool is_nested_deeper(std::string_view text, int limit) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\')
      ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == '[' || c == '{') && ++depth > limit)
      return true;
    else if (!quoted && (c == ']' || c == '}'))
      --depth;
  }
  return false;
}

/// Walks a document without building it: finds duplicate keys and excessive depth, and knows where it is.
class StrictWalk final : public nlohmann::json_sax<Json> {
 public:
  explicit StrictWalk(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t &) override { return value(); }
  bool string(string_t &) override { return value(); }
  bool binary(binary_t &) override { return value(); }

  bool start_object(std::size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_array() override { return close(); }

  bool key(string_t &name) override {
    Level &level = levels_.back();
    level.key = name;
    if (level.keys.insert(name).second) return true;
    problem_ = "has the same key twice";
    return false;
  }

  bool parse_error(std::size_t byte, const std::string &, const nlohmann::detail::exception &) override {
    problem_ = fmt::format("is not valid JSON near byte {}", byte);
    return false;
  }

  const std::string &problem() const { return problem_; }

  std::string pointer() const {
    std::string out;
    for (const Level &level : levels_) {
      if (level.is_object && level.keys.empty()) break;
      out += "/" + (level.is_object ? json_pointer_token(level.key) : std::to_string(level.index));
    }
    return out;
  }

 private:
  struct Level {
    bool is_object = false;
    std::set<std::string> keys{};
    std::string key{};
    std::size_t index = 0;
  };

  bool value() {
    if (!levels_.empty() && !levels_.back().is_object) ++levels_.back().index;
    return true;
  }
  bool open(bool is_object) {
    if (static_cast<int>(levels_.size()) >= max_depth_) {
      problem_ = fmt::format("is nested deeper than {} levels", max_depth_);
      return false;
    }
    levels_.push_back(Level{is_object});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return value();
  }

  int max_depth_;
  std::vector<Level> levels_;
  std::string problem_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, std::string_view what, JsonLimits limits) {
  if (text.size() > limits.bytes)
    return fail(Status::InvalidArgument,
                fmt::format("{} has {} bytes; at most {} are accepted", what, text.size(), limits.bytes));
  StrictWalk walk(limits.depth);
  if (!Json::sax_parse(text, &walk)) {
    std::string pointer = walk.pointer();
    const std::string place = pointer.empty() ? "" : fmt::format("at {} ", printable(pointer, kMaxPlaceInMessage));
    if (pointer.size() > kMaxPointer) pointer.clear();
    return fail(Error(Status::InvalidArgument, fmt::format("{} {}{}", what, place, walk.problem())).at(pointer));
  }
  return Json::parse(text);
}

Json parse_stored(std::string_view text) {
  if (is_nested_deeper(text, kStoredDepth)) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, false);
}

std::string json_pointer_token(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string text_or(const Json &object, const char *key, std::string_view fallback) {
  if (!object.is_object()) return std::string(fallback);
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string(fallback);
}

std::int64_t int_or(const Json &object, const char *key, std::int64_t fallback) {
  if (!object.is_object()) return fallback;
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer()) return fallback;
  if (it->is_number_unsigned() && it->get<std::uint64_t>() > INT64_MAX) return fallback;
  return it->get<std::int64_t>();
}

bool bool_or(const Json &object, const char *key, bool fallback) {
  if (!object.is_object()) return fallback;
  const auto it = object.find(key);
  return it != object.end() && it->is_boolean() ? it->get<bool>() : fallback;
}

std::string dump(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cordon

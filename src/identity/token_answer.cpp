#include "identity/token_answer.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"

namespace cordon::identity {
namespace {

constexpr std::size_t kMaxBody = 256 * 1024;

/// Reads JSON's outline: where texts begin and end, and how deep they lie. It checks nothing: what it leaves is parsed
/// strictly afterwards.
class Outline {
 public:
  explicit Outline(std::string_view text) : text_(text) {}

  struct Text {
    std::size_t begin = 0, end = 0;  ///< of the characters between the quotes
    bool escaped = false;
  };

  /// The text value of `key` in the outermost object. False when there is none.
  bool find(std::string_view key, Text &value) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '{' || c == '[') ++depth_;
      if (c == '}' || c == ']') --depth_;
      if (c != '"') continue;
      const Text name = take_text();
      if (depth_ != 1 || !follows(':')) continue;
      const bool wanted = !name.escaped && text_.substr(name.begin, name.end - name.begin) == key;
      if (!wanted) continue;
      if (!follows('"')) return false;
      value = take_text();
      return value.end < text_.size();
    }
    return false;
  }

 private:
  /// at_ is on an opening quote; leaves it on the closing one, or at the end.
  Text take_text() {
    Text text;
    text.begin = ++at_;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\') {
        text.escaped = true;
        ++at_;
      }
    text.end = std::min(at_, text_.size());
    return text;
  }
  /// Whether `expected` comes behind blanks; at_ moves there only then.
  bool follows(char expected) {
    const std::size_t next = text_.find_first_not_of(" \t\r\n", at_ + 1);
    if (next == std::string_view::npos || text_[next] != expected) return false;
    at_ = next;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

/// Numbers as numbers (v2) or as texts (v1); −1 when it is neither.
std::int64_t number_of(const Json &json, const char *key) {
  const auto it = json.find(key);
  if (it == json.end()) return -1;
  if (it->is_string()) return parse_int(it->get_ref<const std::string &>()).value_or(-1);
  return int_or(json, key, -1);
}

tl::unexpected<Error> refuse(const char *problem) {
  return fail(Status::InvalidResponse,
              std::string("the token endpoint answered 200, but ") + problem + "; look for a proxy in between");
}

}  // namespace

Secret take_secret_member(Secret &document, std::string_view key) {
  Outline::Text place;
  if (!Outline(document.reveal()).find(key, place)) return {};
  Secret value(document.reveal().substr(place.begin, place.end - place.begin));
  char *begin = document.data() + place.begin;
  char *end = document.data() + place.end;
  // "secret" becomes "" and blanks: the closing quote moves to the front.
  *begin = '"';
  std::fill(begin + 1, end + 1, ' ');
  if (place.begin == place.end || place.escaped) return {};
  return value;
}

Result<TokenAnswer> parse_token_answer(Secret &body) {
  if (body.size() > kMaxBody) return refuse("its body is too long");
  TokenAnswer answer;
  answer.access_token = take_secret_member(body, "access_token");
  answer.refresh_token = take_secret_member(body, "refresh_token");
  take_secret_member(body, "id_token");
  const auto json = parse_json(body.reveal(), "token answer", JsonLimits{kMaxBody, 16});
  if (!json) return refuse("its body is no JSON");
  if (!json->is_object()) return refuse("its body is no JSON object");
  if (answer.access_token.empty()) return refuse("there is no access_token in its body");
  const bool printable = std::all_of(answer.access_token.reveal().begin(), answer.access_token.reveal().end(),
                                     [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) return refuse("its access_token has characters that no header may carry");
  const std::string type = text_or(*json, "token_type", "Bearer");
  if (!equal_ignoring_case(type, "Bearer")) return refuse("its token is no bearer token");
  answer.expires_in_s = number_of(*json, "expires_in");
  if (answer.expires_in_s <= 0) return refuse("there is no expires_in in its body");
  return answer;
}

}  // namespace cordon::identity

#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"

namespace cordon {

/// A validated identifier that can't be mixed up with another kind. Empty = none.
template <class Tag>
class Id {
 public:
  Id() = default;
  /// Checks and normalises (lower case) the text; the error names `Tag::kName`. Defined for the tags below.
  static Result<Id> parse(std::string_view text);
  /// For text that was checked when it was stored.
  static Id trusted(std::string text) { return Id(std::move(text)); }

  const std::string &str() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Id &) const = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct MachineIdTag {
  static constexpr const char *kName = "machine_id";
};
struct Sha1Tag {
  static constexpr const char *kName = "sha1";
};
struct RequestIdTag {
  static constexpr const char *kName = "request_id";
};
struct ActionIdTag {
  static constexpr const char *kName = "action_id";
};

using MachineId = Id<MachineIdTag>;  ///< 40 hex digits (mde-api §11)
using Sha1 = Id<Sha1Tag>;            ///< 40 hex digits; a SHA-256 or MD5 is named as such in the error
using RequestId = Id<RequestIdTag>;  ///< UUID, made by Cordon or by the host
using ActionId = Id<ActionIdTag>;    ///< UUID, made by the service

/// True for 8-4-4-4-12 hex digits of any case.
bool is_uuid(std::string_view text) noexcept;

/// A random UUID (version 4), lower case.
RequestId make_request_id(Random &random);

}  // namespace cordon

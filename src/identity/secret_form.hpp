#pragma once

#include <string_view>

#include "base/secure.hpp"

namespace cordon::identity {

/// The body of a token request (application/x-www-form-urlencoded), in guarded memory from its first byte.
class SecretForm {
 public:
  /// `expected` bytes of values; what is more costs a copy, wiped but needless.
  explicit SecretForm(std::size_t expected);

  SecretForm &add(std::string_view name, std::string_view value);
  /// Appends to the last value.
  SecretForm &more(std::string_view value);
  const Secret &body() const { return body_; }

 private:
  Secret body_;
};

/// Appends base64url without padding.
void append_base64url(Secret &out, std::string_view bytes);

}  // namespace cordon::identity

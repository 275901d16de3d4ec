#include "identity/secret_form.hpp"

#include <sodium.h>

#include "base/text.hpp"

namespace cordon::identity {

SecretForm::SecretForm(std::size_t expected) {
  body_.reserve(512 + 3 * expected);
}

SecretForm &SecretForm::add(std::string_view name, std::string_view value) {
  if (!body_.empty()) body_.push_back('&');
  body_.append(name);
  body_.push_back('=');
  return more(value);
}

SecretForm &SecretForm::more(std::string_view value) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : value) {
    const char lower = to_lower(c);
    if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~') {
      body_.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    body_.push_back('%');
    body_.push_back(kDigits[byte >> 4]);
    body_.push_back(kDigits[byte & 15]);
  }
  return *this;
}

void append_base64url(Secret &out, std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  const std::size_t before = out.size(), size = sodium_base64_encoded_len(bytes.size(), kVariant);  // with a NUL
  out.resize(before + size);
  sodium_bin2base64(out.data() + before, size, reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(),
                    kVariant);
  out.resize(before + size - 1);
}

}  // namespace cordon::identity

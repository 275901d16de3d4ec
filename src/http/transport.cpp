#include "http/transport.hpp"

#include "base/text.hpp"

namespace cordon::http {

std::string_view Response::header(std::string_view name) const noexcept {
  for (const auto &[known, value] : headers)
    if (equal_ignoring_case(known, name)) return value;
  return {};
}

}  // namespace cordon::http

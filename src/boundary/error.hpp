#pragma once

#include "base/error.hpp"
#include "cordon.h"

/// What a host holds. The texts live as long as the object; an instance with `owned` false is static.
struct cordon_error {
  std::int32_t status;
  const char *message;
  const char *json;
  bool owned;
};

namespace cordon::boundary {

/// The C object for an Error; the static one for "out of memory" when it cannot be allocated. Never null.
cordon_error *make_error(const Error &error) noexcept;
void free_error(cordon_error *error) noexcept;

/// Static objects: needed where nothing may be allocated or locked.
cordon_error *out_of_memory_error() noexcept;
cordon_error *forked_error() noexcept;
/// Stands in for a null pointer in the functions that read an error.
const cordon_error *no_error() noexcept;

}  // namespace cordon::boundary

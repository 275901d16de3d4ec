#pragma once

#include <exception>

namespace cordon {

/// True if this was thrown for want of memory, or of what a thread needs.
bool is_out_of_memory(const std::exception_ptr &exception) noexcept;

}  // namespace cordon

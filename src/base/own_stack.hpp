#pragma once

#include <functional>

namespace cordon {

/// Runs `body` to its end on a thread of its own, for work that may need more stack than a host's thread has (64 KiB).
/// Within such a body it is a mere call. What it throws is thrown here; std::system_error when no thread can be had.
/// [blocking]
void on_own_stack(const std::function<void()> &body);

}  // namespace cordon

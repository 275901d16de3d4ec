#pragma once

/// Cordon for C++17 and later, over abi/cordon.h: header-only, RAII, exceptions.
#include "client.hpp"  // IWYU pragma: export
#include "pump.hpp"    // IWYU pragma: export
#include "stop.hpp"    // IWYU pragma: export

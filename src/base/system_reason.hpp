#pragma once

#include <string>

namespace cordon {

/// An errno in English whatever the locale, with the remedy where the process itself lacks something.
std::string system_reason(int error);

}  // namespace cordon

#pragma once

namespace cordon {

/// The library's version; the major one is the ABI's.
inline constexpr char kVersion[] = "1.0.0";

}  // namespace cordon

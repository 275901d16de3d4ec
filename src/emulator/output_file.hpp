#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

#include "base/error.hpp"

namespace cordon::emulator {

/// Replaces the file in one step: a reader sees the old text or the new one.
Result<void> write_file(const std::filesystem::path &path, std::string_view text, mode_t mode);

/// Makes a directory, and those above it, for us alone; one that exists is left as it is.
Result<void> make_private_directory(const std::filesystem::path &path);

}  // namespace cordon::emulator

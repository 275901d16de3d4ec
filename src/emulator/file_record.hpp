#pragma once

#include <cstdint>
#include <string>

#include "base/json.hpp"

namespace cordon::emulator {

/// A file as the service knows it (mde-api §8).
struct FileRecord {
  std::string sha1, sha256;
  std::string name;
  std::string publisher;  ///< empty: unsigned
  std::int64_t prevalence = 3;
  bool microsoft_signed = false;
};

/// The entity without its @odata.context.
Json to_json(const FileRecord &file);

}  // namespace cordon::emulator

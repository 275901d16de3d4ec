#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/json.hpp"

namespace cordon::test {

inline std::string read_text(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

/// tests/vectors/service; its manifest.json lists every file.
inline std::filesystem::path service_vectors() {
  return std::filesystem::path(CORDON_VECTORS_DIR) / "service";
}
inline Json service_manifest() {
  return Json::parse(read_text(service_vectors() / "manifest.json"));
}

/// The folder of recorded samples that is not part of this repository; empty when there is none.
inline std::filesystem::path shared_vectors() {
  if (const char *given = std::getenv("CORDON_SHARED_VECTORS")) return given;
  const auto beside = std::filesystem::path(CORDON_VECTORS_DIR) / "../../../shared/vectors";
  return std::filesystem::exists(beside) ? beside : std::filesystem::path();
}

}  // namespace cordon::test

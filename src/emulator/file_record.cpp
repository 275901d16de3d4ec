#include "emulator/file_record.hpp"

namespace cordon::emulator {

Json to_json(const FileRecord &file) {
  const bool is_signed = !file.publisher.empty();
  return {{"sha1", file.sha1},
          {"sha256", text_or_null(file.sha256)},
          {"globalPrevalence", file.prevalence},
          {"globalFirstObserved", "2025-05-01T00:00:00Z"},
          {"globalLastObserved", "2026-01-15T12:30:00.25Z"},
          {"size", 123456},
          {"fileType", "PortableExecutable"},
          {"isPeFile", true},
          {"filePublisher", text_or_null(file.publisher)},
          {"fileProductName", text_or_null(file.name)},
          {"signer", text_or_null(file.publisher)},
          {"issuer", is_signed ? Json("Example Code Signing CA") : Json(nullptr)},
          {"signerHash", is_signed ? Json(file.sha1) : Json(nullptr)},
          {"isValidCertificate", is_signed ? Json(true) : Json(nullptr)},
          {"determinationType", file.microsoft_signed ? "Clean" : "Unknown"},
          {"determinationValue", nullptr}};
}

}  // namespace cordon::emulator

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "emulator/credentials.hpp"
#include "emulator/service.hpp"

namespace cordon::emulator {

/// What a client needs to know of a running emulator.
struct ReadyState {
  std::string url, control_url;
  std::filesystem::path ca_file;
  std::filesystem::path ready_file;
  int speed = 1;
  std::string identity_url{};  ///< empty: the managed identity services are not served
  std::filesystem::path arc_key_dir{};
  std::optional<CredentialFiles> credentials{};  ///< of the first application
};

/// The ready file's document. With --identity it has `identity`: {"imds","app_service","app_service_header","arc",
/// "arc_key_dir"}, with --credential-dir `credentials`: {"certificate_file","assertion_file"}. Its `config` is a client
/// configuration that keeps state, vault and key beside the file.
Json ready_document(const Service &service, const ReadyState &state);

/// Makes the directories and the vault key that the document's `config` names, then writes the file.
Result<void> write_ready_file(const Service &service, const ReadyState &state);

}  // namespace cordon::emulator

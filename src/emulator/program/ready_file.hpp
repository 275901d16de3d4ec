#pragma once

#include <filesystem>
#include <string>

#include "emulator/service.hpp"

namespace cordon::emulator {

/// What a client needs to know of a running emulator.
struct ReadyState {
  std::string url, control_url;
  std::filesystem::path ca_file;
  std::filesystem::path ready_file;
  int speed = 1;
};

/// The ready file's document. Its `config` is a client configuration that keeps state, vault and key beside the file.
Json ready_document(const Service &service, const ReadyState &state);

/// Makes the directories and the vault key that the document's `config` names, then writes the file.
Result<void> write_ready_file(const Service &service, const ReadyState &state);

}  // namespace cordon::emulator

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "cli/library.hpp"

namespace cordon::cli {

/// Something of the command line's own that went wrong: a file, a terminal. Ends the program with exit code 1.
class Failure {
 public:
  explicit Failure(std::string message) : message_(std::move(message)) {}
  const std::string &message() const { return message_; }

 private:
  std::string message_;
};

/// The lines of --help on exit codes.
std::string exit_codes_help();

inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

/// The exit code for a status of the library.
int exit_code(std::int32_t status);

/// One JSON document on standard output, one line for people on standard error; returns the exit code. `what` names
/// what was asked for, e.g. "restrict 0f1e…". Throws Failure as print_and_tell does.
int report(const Reply &reply, std::string_view what);

/// A text member of a document of the library; empty when there is none.
std::string member(const nlohmann::json &document, const char *key);

/// One line of JSON on standard output, at once; throws Failure where it can't be written.
void print_json(std::string_view json);
/// One line for people on standard error; lost where that can't be written.
void tell(std::string_view line) noexcept;
/// Both, for what has been done: the line is told even where the document can't be printed (throws Failure then).
void print_and_tell(std::string_view json, std::string_view line);

}  // namespace cordon::cli

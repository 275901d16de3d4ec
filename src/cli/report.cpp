#include "cli/report.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace cordon::cli {
namespace {

using Json = nlohmann::json;

struct ExitCode {
  std::int32_t status;
  int code;
};

constexpr ExitCode kExitCodes[] = {
    {CORDON_OK, 0},
    {CORDON_PENDING, 3},
    {CORDON_ACTION_FAILED, 4},
    {CORDON_ACTION_TIMED_OUT, 4},
    {CORDON_ACTION_CANCELLED, 4},
    {CORDON_ACTION_REJECTED, 4},
    {CORDON_NOT_SENT, 5},
    {CORDON_NO_EVENT, 6},
    {CORDON_DRY_RUN, 7},
    {CORDON_E_OUTCOME_UNKNOWN, 8},
    {CORDON_E_DEADLINE, 9},
    {CORDON_E_RATE_LIMITED, 9},
    {CORDON_E_REFUSED_BY_POLICY, 10},
    {CORDON_E_HALTED, 10},
    {CORDON_E_INTERRUPTED, kExitInterrupted},
    {CORDON_E_SHUTTING_DOWN, kExitInterrupted},
};

/// " (request …, action …)", as far as known.
std::string ids(const Json &document) {
  std::string text;
  for (const auto &[key, word] : {std::pair("request_id", "request"), std::pair("action_id", "action")})
    if (const std::string id = member(document, key); !id.empty())
      text += fmt::format("{}{} {}", text.empty() ? " (" : ", ", word, id);
  return text.empty() ? text : text + ')';
}

/// A joined action was asked for before, here or by someone else; whoever reads the line should know.
std::string line_for(const Reply &reply, std::string_view what) {
  const std::string name = cordon_status_name(reply.status);
  if (reply.status < 0) return fmt::format("{}: {}: {}", what, name, cordon_error_message(reply.error.get()));
  const Json document = Json::parse(reply.text(), nullptr, false);
  if (!document.is_object()) return fmt::format("{}: {}", what, name);
  const std::string state = member(document, "state");
  const auto adopted = document.find("adopted");
  return fmt::format("{}: {}{}{}{}", what, name, state.empty() ? "" : ": " + state,
                     adopted != document.end() && *adopted == true ? ", joined an action that was there" : "",
                     ids(document));
}

}  // namespace

std::string member(const Json &document, const char *key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string exit_codes_help() {
  return "Exit codes:\n"
         "  0    CORDON_OK: done; for an action, the device did it\n"
         "  1    an error; the JSON on standard output tells more\n"
         "  2    wrong use of this program\n"
         "  3    CORDON_PENDING: accepted, not ended yet; of submit: recorded, perhaps not even sent yet\n"
         "  4    the action failed, timed out, was cancelled or was rejected by the service\n"
         "  5    CORDON_NOT_SENT: expired or withdrawn; nothing was sent\n"
         "  6    CORDON_NO_EVENT\n"
         "  7    CORDON_DRY_RUN: all checks passed, nothing was sent\n"
         "  8    CORDON_E_OUTCOME_UNKNOWN, or another error with outcome_unknown true: do not repeat; poll the "
         "request,\n"
         "       or look for it with list_requests\n"
         "  9    CORDON_E_DEADLINE, CORDON_E_RATE_LIMITED: from an action, nothing was sent; try again\n"
         "  10   CORDON_E_REFUSED_BY_POLICY, CORDON_E_HALTED\n"
         "  130  interrupted; after a second signal the outcome is not known";
}

int exit_code(std::int32_t status) {
  for (const ExitCode &known : kExitCodes)
    if (known.status == status) return known.code;
  // A condition this program does not know is no success either.
  return 1;
}

int report(const Reply &reply, std::string_view what) {
  const std::string line = line_for(reply, what);
  if (reply.status >= 0) {
    print_and_tell(reply.document == nullptr ? Json{{"status", reply.status}}.dump() : reply.text(), line);
    return exit_code(reply.status);
  }
  const std::string error = cordon_error_json(reply.error.get());
  print_and_tell(error, line);
  // Whatever ended the call: who takes it for a failure and repeats it may act twice.
  const Json document = Json::parse(error, nullptr, false);
  const bool unknown = document.is_object() && document.value("outcome_unknown", Json()) == true;
  return exit_code(unknown ? CORDON_E_OUTCOME_UNKNOWN : reply.status);
}

void print_and_tell(std::string_view json, std::string_view line) {
  try {
    print_json(json);
  } catch (const Failure &) {
    tell(line);
    throw;
  }
  tell(line);
}

void print_json(std::string_view json) {
  const bool printed = std::fwrite(json.data(), 1, json.size(), stdout) == json.size() &&
                       std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0;
  if (!printed) throw Failure(fmt::format("standard output can't be written: {}", std::strerror(errno)));
}

void tell(std::string_view line) noexcept {
  std::fprintf(stderr, "cordon: %.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace cordon::cli

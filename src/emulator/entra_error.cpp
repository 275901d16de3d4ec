#include "emulator/entra_error.hpp"

#include <fmt/format.h>

#include "base/json.hpp"

namespace cordon::emulator {

Reply to_reply(const EntraError &error, SeededRandom &random, UtcTicks now, std::string_view detail) {
  std::string timestamp = UtcTicks::from_unix_seconds(now.unix_seconds()).str();
  timestamp[timestamp.find('T')] = ' ';
  const std::string trace = random.uuid(), correlation = random.uuid();
  const Json body = {
      {"error", error.error},
      {"error_description", fmt::format("AADSTS{}: {}{} Trace ID: {} Correlation ID: {} Timestamp: {}", error.aadsts,
                                        error.text, detail, trace, correlation, timestamp)},
      {"error_codes", {error.aadsts}},
      {"timestamp", timestamp},
      {"trace_id", trace},
      {"correlation_id", correlation},
      {"error_uri", fmt::format("https://login.microsoftonline.com/error?code={}", error.aadsts)}};
  Reply reply{.status = error.http_status, .content_type = "application/json; charset=utf-8", .body = dump(body)};
  return reply;
}

}  // namespace cordon::emulator

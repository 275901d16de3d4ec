#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/json.hpp"
#include "defender/action.hpp"
#include "defender/machine.hpp"
#include "defender/rest.hpp"

namespace {

using namespace cordon;
using namespace cordon::defender;

constexpr int kStatuses[] = {200, 201, 302, 400, 401, 403, 404, 408, 429, 500, 503};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

/// Every answer of the service to a POST and to a read. What is accepted must be about the device that was asked for;
/// an outcome that is not known must never look repeatable.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
  if (size == 0) return 0;
  const int status = kStatuses[bytes[0] % std::size(kStatuses)];
  const std::string body(reinterpret_cast<const char *>(bytes) + 1, size - 1);
  static const Operation &quarantine = *Catalogue::instance().find("stop_and_quarantine");
  static const Call call(quarantine, {{"machine_id", "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"},
                                      {"sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
                                      {"comment", "c"}});
  static const CallContext context(&quarantine, "contoso");

  http::Exchange exchange;
  exchange.response.emplace();
  exchange.response->status = status;
  exchange.response->body = body;
  exchange.sent = true;
  const PostResult result = interpret_post(call, exchange, context);
  if (result.outcome == PostOutcome::Accepted) {
    require(status < 300 && result.action.machine_id == call.request["machine_id"]);
    require(result.action.terminal() == is_terminal(parse_action_status(result.action.status_word)));
  }
  require((result.outcome == PostOutcome::Unknown) == result.error.outcome_unknown);
  require(!result.error.outcome_unknown || !result.error.retryable);

  const auto json = interpret_read(exchange, context);
  if (!json) return 0;
  (void)parse_action(*json);
  (void)parse_action_list(*json);
  if (const auto page = parse_machine_list(*json))
    for (const Machine &machine : page->machines) (void)dump(to_json(machine));
  return 0;
}

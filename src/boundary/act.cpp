#include "boundary/guard.hpp"

using namespace cordon;
using namespace cordon::boundary;

extern "C" {

int32_t cordon_restrict_code_execution(cordon_client *client, const char *machine_id, const char *comment,
                                       const char *options_json, int32_t timeout_ms, char **action_json,
                                       cordon_error **error) {
  return with_client(client, action_json, error,
                     {text("machine_id", machine_id), text("comment", comment),
                      optional_text("options_json", options_json), timeout("timeout_ms", timeout_ms)},
                     [&](plugin::Client &c) {
                       return c.restrict_code_execution(view(machine_id), view(comment), view(options_json),
                                                        timeout_ms);
                     });
}

int32_t cordon_stop_and_quarantine(cordon_client *client, const char *machine_id, const char *sha1, const char *comment,
                                   const char *options_json, int32_t timeout_ms, char **action_json,
                                   cordon_error **error) {
  return with_client(client, action_json, error,
                     {text("machine_id", machine_id), text("sha1", sha1), text("comment", comment),
                      optional_text("options_json", options_json), timeout("timeout_ms", timeout_ms)},
                     [&](plugin::Client &c) {
                       return c.stop_and_quarantine(view(machine_id), view(sha1), view(comment), view(options_json),
                                                    timeout_ms);
                     });
}

int32_t cordon_poll_action(cordon_client *client, const char *action_or_request_id, const char *options_json,
                           int32_t wait_ms, char **action_json, cordon_error **error) {
  return with_client(
      client, action_json, error,
      {text("action_or_request_id", action_or_request_id), optional_text("options_json", options_json),
       wait("wait_ms", wait_ms)},
      [&](plugin::Client &c) { return c.poll_action(view(action_or_request_id), view(options_json), wait_ms); });
}

int32_t cordon_call(cordon_client *client, const char *operation, const char *request_json, int32_t timeout_ms,
                    char **result_json, cordon_error **error) {
  return with_client(
      client, result_json, error,
      {text("operation", operation), optional_text("request_json", request_json), timeout("timeout_ms", timeout_ms)},
      [&](plugin::Client &c) { return c.call(view(operation), view(request_json), timeout_ms); });
}

}  // extern "C"

#include "boundary/guard.hpp"

using namespace cordon;
using namespace cordon::boundary;

extern "C" {

int32_t cordon_submit(cordon_client *client, const char *operation, const char *request_json, char **request_id,
                      cordon_error **error) {
  return with_client(client, request_id, error,
                     {text("operation", operation), optional_text("request_json", request_json)},
                     [&](plugin::Client &c) { return c.submit(view(operation), view(request_json)); });
}

int32_t cordon_next_event(cordon_client *client, const char *options_json, int32_t wait_ms, char **event_json,
                          cordon_error **error) {
  return with_client(client, event_json, error, {optional_text("options_json", options_json), wait("wait_ms", wait_ms)},
                     [&](plugin::Client &c) { return c.next_event(view(options_json), wait_ms); });
}

int32_t cordon_event_fd(cordon_client *client, int32_t *fd, cordon_error **error) {
  put(fd, -1);
  return with_client(client, error, {}, [&](plugin::Client &c) -> Result<void> {
    if (fd == nullptr) return {};
    const Result<int> duplicate = c.event_fd();
    if (!duplicate) return fail(duplicate.error());
    *fd = *duplicate;
    return {};
  });
}

int32_t cordon_withdraw(cordon_client *client, const char *request_id, cordon_error **error) {
  return with_client(client, error, {text("request_id", request_id)},
                     [&](plugin::Client &c) { return c.withdraw(view(request_id)); });
}

int32_t cordon_interrupt(cordon_client *client, const char *call_id, cordon_error **error) {
  return with_client(client, error, {text("call_id", call_id)},
                     [&](plugin::Client &c) { return c.interrupt(view(call_id)); });
}

}  // extern "C"

#include "boundary/guard.hpp"

using namespace cordon;
using namespace cordon::boundary;

extern "C" {

int32_t cordon_vault_unlock(cordon_client *client, const char *kind, const void *secret, size_t len,
                            cordon_error **error) {
  return with_client(client, error, {text("kind", kind), secret_bytes("secret", secret, len)},
                     [&](plugin::Client &c) { return c.vault_unlock(view(kind), view(secret, len)); });
}

int32_t cordon_secret_set(cordon_client *client, const char *name, const void *value, size_t len,
                          cordon_error **error) {
  return with_client(client, error, {text("name", name), secret_bytes("value", value, len)},
                     [&](plugin::Client &c) { return c.secret_set(view(name), view(value, len)); });
}

int32_t cordon_secret_remove(cordon_client *client, const char *name, cordon_error **error) {
  return with_client(client, error, {text("name", name)},
                     [&](plugin::Client &c) { return c.secret_remove(view(name)); });
}

int32_t cordon_vault_status(cordon_client *client, char **status_json, cordon_error **error) {
  return with_client(client, status_json, error, {}, [](plugin::Client &c) { return c.vault_status(); });
}

int32_t cordon_vault_rekey(cordon_client *client, const char *options_json, const void *new_secret, size_t len,
                           int32_t timeout_ms, cordon_error **error) {
  return with_client(
      client, error,
      {optional_text("options_json", options_json), secret_bytes("new_secret", new_secret, len),
       timeout("timeout_ms", timeout_ms)},
      [&](plugin::Client &c) { return c.vault_rekey(view(options_json), view(new_secret, len), timeout_ms); });
}

}  // extern "C"

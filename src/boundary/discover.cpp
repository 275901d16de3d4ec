#include "base/version.hpp"
#include "boundary/guard.hpp"

using namespace cordon;

extern "C" {

uint32_t cordon_abi_version(void) {
  return CORDON_ABI_VERSION;
}

const char *cordon_version(void) {
  return cordon::kVersion;
}

// embed_text ends every text with a NUL.
const char *cordon_manifest(void) {
  return plugin::manifest().data();
}

const char *cordon_status_name(int32_t status) {
  return status_name(status);
}

const cordon_api_v1 *cordon_get_api(uint32_t major) {
  static constexpr cordon_api_v1 kApi = {
      sizeof(cordon_api_v1),
      CORDON_ABI_VERSION,
      cordon_version,
      cordon_manifest,
      cordon_status_name,
      cordon_init,
      cordon_reload,
      cordon_shutdown,
      cordon_client_free,
      cordon_restrict_code_execution,
      cordon_stop_and_quarantine,
      cordon_poll_action,
      cordon_call,
      cordon_submit,
      cordon_next_event,
      cordon_event_fd,
      cordon_withdraw,
      cordon_interrupt,
      cordon_vault_unlock,
      cordon_secret_set,
      cordon_secret_remove,
      cordon_vault_status,
      cordon_vault_rekey,
      cordon_error_status,
      cordon_error_message,
      cordon_error_json,
      cordon_error_free,
      cordon_string_free,
  };
  return major == CORDON_ABI_VERSION / 1000000 ? &kApi : nullptr;
}

}  // extern "C"

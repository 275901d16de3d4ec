#include <fmt/format.h>

#include "boundary/guard.hpp"

using namespace cordon;
using namespace cordon::boundary;

namespace {

/// The same major version, and no minor version that this library does not have.
Result<void> check_host_abi(uint32_t host_abi) {
  const uint32_t major = host_abi / 1000000;
  const uint32_t minor = host_abi / 1000 % 1000;
  if (major == CORDON_ABI_VERSION / 1000000 && minor <= CORDON_ABI_VERSION / 1000 % 1000) return {};
  return fail(Status::UnsupportedAbi,
              fmt::format("the host was built for ABI {}.{}, this library is {}; install the libcordon that the host "
                          "was built for, or pass CORDON_ABI_VERSION of this one's header as host_abi",
                          major, minor, cordon_version()));
}

}  // namespace

extern "C" {

int32_t cordon_init(uint32_t host_abi, const char *config_json, cordon_client **client, cordon_error **error) {
  put(client, static_cast<cordon_client *>(nullptr));
  return guard(error, [&]() -> Result<Status> {
    if (const auto abi = check_host_abi(host_abi); !abi) return fail(abi.error());
    if (const auto checked = check({optional_text("config_json", config_json)}); !checked) return fail(checked.error());
    const auto handle = Clients::instance().open(view(config_json));
    if (!handle) return fail(handle.error());
    if (client == nullptr)
      cordon_client_free(*handle);
    else
      *client = *handle;
    return Status::Ok;
  });
}

int32_t cordon_reload(cordon_client *client, const char *config_json, cordon_error **error) {
  return with_client(client, error, {optional_text("config_json", config_json)},
                     [&](plugin::Client &c) { return c.reload(view(config_json)); });
}

int32_t cordon_shutdown(cordon_client *client, int32_t timeout_ms, cordon_error **error) {
  return with_client(client, error, {timeout("timeout_ms", timeout_ms)},
                     [&](plugin::Client &c) { return c.shutdown(timeout_ms); });
}

void cordon_client_free(cordon_client *client) {
  guard(nullptr, [&]() -> Result<Status> {
    Clients::instance().end(client);
    return Status::Ok;
  });
}

}  // extern "C"

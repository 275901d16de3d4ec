#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "identity/device_code.hpp"
#include "loop/wait.hpp"
#include "response/tenant.hpp"

namespace cordon::plugin {

/// A person's sign-in, from the code to its end. [loop]
struct Login {
  Login(loop::Scheduler &scheduler, std::shared_ptr<response::Tenant> tenant_, identity::DeviceCode code_)
      : tenant(std::move(tenant_)), code(std::move(code_)), scope(scheduler, code.expires), changed(scheduler) {}

  bool ended() const { return result.has_value(); }
  /// `{tenant, state, user_code, verification_uri, message, expires_at}`; state: "waiting", "signed_in", "failed".
  Json document() const;

  std::shared_ptr<response::Tenant> tenant;
  identity::DeviceCode code;
  loop::Scope scope;  ///< of the background task that waits for the person
  loop::Event changed;
  std::optional<Result<void>> result;
};

/// The latest of each tenant.
using Logins = std::map<std::string, std::shared_ptr<Login>>;

}  // namespace cordon::plugin
